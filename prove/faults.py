"""The same jobs with a disturbed way to the API server and with an undisturbed one: they end alike."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from judged import BrokenError, callback_of
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


def main(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder, running_control_plane(Path(folder)) as plane:
        prepare(plane)
        with DisturbingProxy(plane, seed) as proxy:
            expected = _ends(plane, proxy, Path(folder), "undisturbed")
            proxy.disturbs = True
            found = _ends(plane, proxy, Path(folder), "disturbed")
    done = ", ".join(f"{number} {what}" for what, number in sorted(proxy.done.items()))
    unlike = [
        f"{name}: {found[name]} instead of {expected[name]}" for name in expected if found[name] != expected[name]
    ]
    figure(
        f"{JOBS} jobs, {sum(proxy.done.values())} disturbances ({done}): {len(unlike)} ended unlike undisturbed ones"
    )
    if unlike:
        raise BrokenError("\n".join(unlike))


def _script(pod: PlayedPod) -> None:
    """Every fourth job fails; of the others every third loses its first pod."""
    pipeline = PlayedPipeline(pod)
    number = int(pipeline.videojob[1:])
    pod.run()
    pipeline.wait_until_assigned()
    if number % 4 == 0:
        return pipeline.fail()
    if number % 3 == 0 and pipeline.job["attempt"] == 1:
        return pod.finish(143)
    return pipeline.work()


def _ends(plane: ControlPlane, proxy: DisturbingProxy, folder: Path, name: str) -> dict[str, Any]:
    """For each job how it ended, and the callbacks without repetitions."""
    namespace, progress = f"prove-{name}", Progress(f"faults, {name}")
    make_namespace(plane, namespace)
    videojobs = VideoJobs(plane, namespace)
    names = [f"j{i:03}" for i in range(JOBS)]
    environment = {"KUBECONFIG": str(proxy.kubeconfig(folder)), "LEASE_DURATION_S": "6"}

    def all_delivered() -> bool:
        done = sum((v.get("status") or {}).get("callback") == "delivered" for v in videojobs.all())
        progress.say(f"{done} of {JOBS} jobs, {sum(proxy.done.values())} disturbances")
        return bool(done == JOBS)

    with (
        Receiver() as backend,
        played_kubelet(plane, namespace, _script, threads=JOBS),
        OperatorProcess(plane, namespace, folder, **environment),
    ):
        for job in names:
            videojobs.create(job, backend.url)
        wait_until(all_delivered, END_S, lambda: Counter(str(v.get("status")) for v in videojobs.all()), pause_s=0.3)
        callbacks = [callback_of(request) for request in backend.requests]
    marks = {job: list(dict.fromkeys(c.mark for c in callbacks if c.job_id == job)) for job in names}
    return {job: (_final(videojobs.status(job)), marks[job][-1]) for job in names}


def _final(status: dict[str, Any]) -> dict[str, Any]:
    return {
        "phase": status["phase"],
        "attempts": status["attempt"]["number"],
        "error": (status.get("error") or {}).get("code"),
        "outcome": status["callbacks"]["terminal"]["outcome"],
    }
