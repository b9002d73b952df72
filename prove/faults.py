"""The same jobs with a disturbed way to the API server and with an undisturbed one: they end alike."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from judged import BrokenError, Evidence, Verdict, callback_of, judge
from proof_progress import Progress, figure

from ecg_dev.control_plane.server import ControlPlane, running_control_plane
from ecg_dev.waiting import wait_until
from support.cluster_jobs import VideoJobs
from support.control_plane import make_namespace, prepare
from support.disturbing_proxy import DisturbingProxy
from support.operator_process import OperatorProcess
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import PlayedPipeline
from support.receiver import Receiver

JOBS = 40
END_S = 400.0
SETTLE_S = 3.0
_WORDS = {"Succeeded": "completed", "Failed": "failed"}


@dataclass(frozen=True, slots=True)
class Ends:
    """How the jobs of one run ended."""

    final: dict[str, dict[str, Any]]
    """Phase, attempts, error code and outcome of the last callback of each job."""
    told: dict[str, list[str]]
    """The bodies that the backend received for each job, without repetitions, in order."""
    verdict: Verdict


def main(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder, running_control_plane(Path(folder)) as plane:
        prepare(plane)
        with DisturbingProxy(plane, seed) as proxy:
            expected = _ends(plane, proxy, Path(folder), "undisturbed")
            proxy.disturbs = True
            found = _ends(plane, proxy, Path(folder), "disturbed")
    done = ", ".join(f"{number} {what}" for what, number in sorted(proxy.done.items()))
    unlike = list(_unlike(expected, found))
    figure(
        f"{JOBS} jobs, {sum(proxy.done.values())} disturbances ({done}): {len(unlike)} differences in how they ended"
    )
    figure(f"callbacks: {sum(len(told) for told in found.told.values())}, {found.verdict}")
    if broken := [*expected.verdict.broken, *found.verdict.broken, *unlike]:
        raise BrokenError("\n".join(broken))


def _unlike(expected: Ends, found: Ends) -> Iterator[str]:
    """The backend answers everything, so that disturbances on the other side change neither the end nor a callback."""
    for name, final in expected.final.items():
        if found.final[name] != final:
            yield f"{name}: {found.final[name]} instead of {final}"
        if found.told[name] != expected.told[name]:
            yield f"{name}: the backend was told {found.told[name]} instead of {expected.told[name]}"


def _fails(name: str) -> bool:
    return _number(name) % 4 == 0


def _number(name: str) -> int:
    return int(name.removeprefix("j"))


def _script(pod: PlayedPod) -> None:
    """Every fourth job fails; of the others every third loses its first pod."""
    pipeline = PlayedPipeline(pod)
    pod.run()
    pipeline.wait_until_assigned()
    if _fails(pipeline.videojob):
        return pipeline.fail()
    if _number(pipeline.videojob) % 3 == 0 and pipeline.job["attempt"] == 1:
        return pod.finish(143)
    return pipeline.work()


def _ends(plane: ControlPlane, proxy: DisturbingProxy, folder: Path, name: str) -> Ends:
    namespace, progress = f"prove-{name}", Progress(f"faults, {name}")
    make_namespace(plane, namespace)
    videojobs = VideoJobs(plane, namespace)
    names = [f"j{i:03}" for i in range(JOBS)]
    environment = {"KUBECONFIG": str(proxy.kubeconfig(folder)), "LEASE_DURATION_S": "6"}
    recorded: dict[str, float] = {}

    def all_recorded() -> bool:
        for manifest in videojobs.all():
            if (manifest.get("status") or {}).get("callback") == "delivered":
                recorded.setdefault(manifest["metadata"]["name"], time.monotonic())
        progress.say(f"{len(recorded)} of {JOBS} jobs, {sum(proxy.done.values())} disturbances")
        return len(recorded) == JOBS

    with (
        Receiver() as backend,
        played_kubelet(plane, namespace, _script, threads=JOBS),
        OperatorProcess(plane, namespace, folder, **environment) as operator,
    ):
        for job in names:
            videojobs.create(job, backend.url)
        wait_until(all_recorded, END_S, lambda: _where_it_stands(videojobs, operator), pause_s=0.1)
        time.sleep(SETTLE_S)  # for what should not come any more
    statuses = {job: videojobs.status(job) for job in names}
    evidence = Evidence(
        accepted=names,
        callbacks=[callback_of(request) for request in backend.requests],
        ends={job: _WORDS[status["phase"]] for job, status in statuses.items()},
        deaths=_ends_of_runs(operator),
        recorded=recorded,
        meant_to_fail=[job for job in names if _fails(job)],
        always_answered=True,
    )
    told = {job: list(dict.fromkeys(r.body.decode() for r in backend.of(job))) for job in names}
    return Ends({job: _final(status) for job, status in statuses.items()}, told, judge(evidence))


def _where_it_stands(videojobs: VideoJobs, operator: OperatorProcess) -> str:
    statuses = Counter(str(videojob.get("status")) for videojob in videojobs.all())
    state = "runs" if operator.is_running else "has ended"
    return f"{statuses}; the operator {state}, its last words:\n{operator.last_words()}"


def _ends_of_runs(operator: OperatorProcess) -> list[float]:
    """When runs of the operator ended (`time.monotonic()`): what it had sent and not recorded then is sent again."""
    offset = time.time() - time.monotonic()
    ended = [line["time"] for line in operator.log_lines() if line["event"] == "run_ended"]
    return [datetime.fromisoformat(moment).timestamp() - offset for moment in ended]


def _final(status: dict[str, Any]) -> dict[str, Any]:
    return {
        "phase": status["phase"],
        "attempts": status["attempt"]["number"],
        "error": (status.get("error") or {}).get("code"),
        "outcome": status["callbacks"]["terminal"]["outcome"],
    }
