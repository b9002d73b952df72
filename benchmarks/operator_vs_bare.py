"""The operator on a real control plane with played pods, compared with the minimum that any operator has to do.

Jobs per second: compared with a loop that only creates the same Jobs. Time from report to callback: compared with a
bare kopf handler that sees the same reports. Control plane, operator and baselines share this machine's cores.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from ecg_cluster import paths
from ecg_cluster.client import Cluster, connect
from ecg_contract.stages import Stage
from ecg_contract.videojob.resource import VideoJob
from ecg_dev.control_plane.server import ControlPlane, running_control_plane
from ecg_dev.waiting import wait_until
from ecg_operator.act.manifests import job_manifest
from ecg_operator.act.pod_config import PodConfig
from ecg_operator.decide.attempts import first_attempt
from ecg_operator.settings import OperatorSettings
from support.cluster_jobs import VideoJobs
from support.control_plane import make_namespace, prepare
from support.operator_process import OperatorProcess
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import PlayedPipeline
from support.server_process import ServerProcess, environment_in_cluster
from support.wire_results import result_json

JOBS = 1000
RUNNING = 200
MANY = 5000
AT_ONCE = 16
STEPS_S = (20.0, 10.0)
"""Between two stages of a running job: with time to spare, and with as much as two slow cores can do."""

Key = tuple[str, int]
"""A job and the progress that it reports."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running_control_plane(Path(folder)) as plane:
        prepare(plane)
        os.environ["KUBECONFIG"] = str(plane.kubeconfig)
        acceptance(plane, Path(folder))
        creation(plane, Path(folder))
        for step_s in STEPS_S:
            latency(plane, Path(folder), step_s)
        crowd(plane, Path(folder))


def acceptance(plane: ControlPlane, folder: Path) -> None:
    """Videos that the API accepts per second, compared with a loop that only creates the same VideoJobs."""
    namespace = "bench-acceptance"
    make_namespace(plane, namespace)
    names = [f"vj{i:05}" for i in range(JOBS)]
    began = time.monotonic()
    asyncio.run(_with_cluster(partial(_create_videojobs, namespace, names, None)))
    bare = JOBS / (time.monotonic() - began)
    with ServerProcess(folder, environment_in_cluster(plane, namespace)) as server:
        server.start()
        rate = JOBS / asyncio.run(_post_videos(str(server.client.base_url)))
    print(f"videos accepted per second, {JOBS} of them, {AT_ONCE} at a time: API {rate:.0f} (goal: 100), ", end="")
    print(f"bare loop {bare:.0f}; ratio {rate / bare:.2f}")


async def _post_videos(url: str) -> float:
    """Seconds."""
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False, limits=limits) as client:

        async def post(i: int) -> None:
            body = {"job_id": f"posted{i:05}", "video_url": "https://media.example/v.mp4"}
            (await client.post("/api/upload-video/process-video", json=body)).raise_for_status()

        began = time.monotonic()
        await _at_once([partial(post, i) for i in range(JOBS)])
        return time.monotonic() - began


def creation(plane: ControlPlane, folder: Path) -> None:
    """Jobs created per second by the operator and by the bare loop."""
    rates = {}
    for arm in ("bare loop", "operator"):
        namespace = "bench-" + arm.replace(" ", "-")
        make_namespace(plane, namespace)
        asyncio.run(_with_cluster(partial(_create_videojobs, namespace, [f"vj{i:05}" for i in range(JOBS)], None)))
        if arm == "operator":
            rates[arm] = _operator_rate(plane, namespace, folder)
        else:
            rates[arm] = JOBS / asyncio.run(_with_cluster(partial(_create_jobs, namespace)))
    ratio = rates["operator"] / rates["bare loop"]
    print(f"Jobs created per second, {JOBS} VideoJobs: operator {rates['operator']:.0f} (goal: 100), ", end="")
    print(f"bare loop {rates['bare loop']:.0f}; ratio {ratio:.2f}")


def _operator_rate(plane: ControlPlane, namespace: str, folder: Path) -> float:
    """Jobs per second, from the moment when the operator has listed all VideoJobs."""
    with OperatorProcess(plane, namespace, folder, RESYNC_S="30", LEASE_DURATION_S="20") as operator:
        operator.wait_for_log("in_sync", timeout=120)
        began = time.monotonic()
        wait_until(lambda: _created(operator) >= JOBS, 300)
        return JOBS / (time.monotonic() - began)


def _created(operator: OperatorProcess) -> int:
    return operator.log.read_text().count('"event": "job_created"')


async def _with_cluster(work: Callable[[Cluster], Awaitable[Any]]) -> Any:
    cluster = await connect()
    try:
        return await work(cluster)
    finally:
        await cluster.close()


async def _create_videojobs(namespace: str, names: Sequence[str], backend: str | None, cluster: Cluster) -> None:
    path = paths.videojobs(namespace)
    await _at_once([partial(cluster.create, path, _videojob(name, backend)) for name in names])


async def _create_jobs(namespace: str, cluster: Cluster) -> float:
    """The baseline: create the same Jobs and nothing else. Returns seconds."""
    settings = OperatorSettings(namespace=namespace, pipeline_image="played:1", pipeline_service_account="pipeline")
    listed, _ = await cluster.list(paths.videojobs(namespace))
    manifests = []
    for item in listed:
        videojob = VideoJob.from_manifest({"apiVersion": "ecg-analyzer.io/v1alpha1", "kind": "VideoJob", **item})
        status = first_attempt(videojob, settings, videojob.metadata.creation_timestamp)  # type: ignore[arg-type]
        begun = videojob.model_copy(update={"status": status})
        manifests.append(job_manifest(begun, settings, PodConfig(), None))
    began = time.monotonic()
    await _at_once([partial(cluster.create, paths.jobs(namespace), manifest) for manifest in manifests])
    return time.monotonic() - began


async def _at_once(works: Sequence[Callable[[], Awaitable[Any]]]) -> None:
    waiting = iter(works)

    async def worker() -> None:
        for work in waiting:
            await work()

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


def _videojob(name: str, backend: str | None = None) -> dict[str, Any]:
    callback = {"callback": {"baseUrl": backend}} if backend else {}
    spec = {"jobId": name, "source": {"url": "https://media.example/v.mp4"}, **callback}
    return {"apiVersion": "ecg-analyzer.io/v1alpha1", "kind": "VideoJob", "metadata": {"name": name}, "spec": spec}


def latency(plane: ControlPlane, folder: Path, step_s: float) -> None:
    """Time from report to callback with many running jobs, compared with a bare kopf handler's, which sends them."""
    namespace = f"bench-latency-{step_s:.0f}"
    make_namespace(plane, namespace)
    reported: dict[Key, float] = {}
    start = threading.Event()

    def script(pod: PlayedPod) -> None:
        _paced(pod, step_s, start, reported)

    own_log, bare_log = folder / f"{namespace}-own", folder / f"{namespace}-bare"
    names = [f"vj{i:05}" for i in range(RUNNING)]
    with (
        _backend(own_log) as backend,
        _backend(bare_log) as bare_backend,
        played_kubelet(plane, namespace, script, threads=RUNNING),
        _bare_kopf(plane, namespace, bare_backend),
        OperatorProcess(plane, namespace, folder, RESYNC_S="30", LEASE_DURATION_S="20") as operator,
    ):
        operator.wait_for_log("in_sync", timeout=60)
        asyncio.run(_with_cluster(partial(_create_videojobs, namespace, names, backend)))
        jobs = VideoJobs(plane, namespace)
        wait_until(lambda: all((v.get("status") or {}).get("attempt", {}).get("podUID") for v in jobs.all()), 120)
        before = _writes(operator)
        start.set()
        wait_until(lambda: all(len(_seen(log)) >= RUNNING * len(Stage) for log in (own_log, bare_log)), 240, pause_s=1)
        wait_until(lambda: all(v["status"]["callback"] == "delivered" for v in jobs.all()), 60)
        writes = _writes(operator)
    own, bare = ({key: when - reported[key] for key, when in _seen(log).items()} for log in (own_log, bare_log))
    print(f"report to callback, {RUNNING} jobs running, {RUNNING / step_s:.0f} reports a second, ", end="")
    print(f"{len(own)} of them: {_compared(own, bare, Stage)} (goal: 1.2)")
    print(f"  without the last ones: {_compared(own, bare, set(Stage) - {Stage.COMPLETED})}")
    print(f"  the last ones alone: {_compared(own, bare, {Stage.COMPLETED})}")
    print(f"API writes of the operator per VideoJob: {writes / RUNNING:.1f} (goal: 10), ", end="")
    print(f"{before / RUNNING:.1f} of them before the first report")


def _paced(pod: PlayedPod, step_s: float, start: threading.Event, reported: dict[Key, float]) -> None:
    pipeline = PlayedPipeline(pod)
    pipeline.wait_until_assigned()
    start.wait()
    time.sleep(int(pod.uid[:4], 16) / 0xFFFF * step_s)  # spread them evenly
    pod.run()
    for stage in Stage:
        result = {"result": pipeline.store(result_json())} if stage is Stage.COMPLETED else {}
        reported[pipeline.videojob, stage.progress] = time.monotonic()
        pipeline.reach(stage, **result)
        time.sleep(step_s)
    pod.finish(0)


def _writes(operator: OperatorProcess) -> float:
    lines = [line for line in operator.metrics().splitlines() if line.startswith("ecg_api_requests_total")]
    return sum(float(line.split()[-1]) for line in lines if 'method="GET"' not in line)


@contextmanager
def _backend(log: Path) -> Iterator[str]:
    """The URL of a backend in its own process, so that this process's played pods do not delay it."""
    with _process("backend.py", str(log)) as port:
        yield f"http://127.0.0.1:{int(port)}"


@contextmanager
def _bare_kopf(plane: ControlPlane, namespace: str, backend: str) -> Iterator[None]:
    """A process with one kopf handler that sends a callback for each report."""
    with _process("bare_kopf.py", namespace, backend, KUBECONFIG=str(plane.kubeconfig)):
        yield


@contextmanager
def _process(script: str, *arguments: str, **environment: str) -> Iterator[str]:
    """A script of this folder in its own process; the first line that it prints, which says that it is ready."""
    command = [sys.executable, str(Path(__file__).parent / script), *arguments]
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline()
        finally:
            process.kill()


def _seen(log: Path) -> dict[Key, float]:
    first: dict[Key, float] = {}
    for line in log.read_text().splitlines():
        name, progress, when = line.split()
        first.setdefault((name, int(progress)), float(when))
    return first


def _compared(own: Mapping[Key, float], bare: Mapping[Key, float], stages: Iterable[Stage]) -> str:
    progress = {stage.progress for stage in stages}
    ours, theirs = ([s for (_, reached), s in arm.items() if reached in progress] for arm in (own, bare))
    ratio = _percentile(ours, 99) / _percentile(theirs, 99)
    return f"{_spread(ours)}; bare kopf handler: {_spread(theirs)}; ratio of p99 {ratio:.2f}"


def _spread(values: Sequence[float]) -> str:
    return f"p50 {_percentile(values, 50):.0f} ms, p99 {_percentile(values, 99):.0f} ms"


def _percentile(values: Sequence[float], percent: int) -> float:
    """In milliseconds."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1] * 1000


def crowd(plane: ControlPlane, folder: Path) -> None:
    """Memory and restart time with many finished VideoJobs; the container is started again in the same pod."""
    namespace = "bench-crowd"
    make_namespace(plane, namespace)
    asyncio.run(_with_cluster(partial(_create_ended, namespace)))
    for arm in ("first start", "restart after kill -9"):
        operator = OperatorProcess(plane, namespace, folder, RESYNC_S="30", LEASE_DURATION_S="20", POD_UID="pod")
        began = time.monotonic()
        with operator:
            operator.wait_for_log("lease_acquired", timeout=60)
            led = time.monotonic()
            operator.wait_for_log("in_sync", timeout=120)
            wait_until(partial(_has_no_queue, operator), 120)
            caught_up = time.monotonic()
            print(f"{MANY} VideoJobs, {arm}: caught up {caught_up - began:.1f} s after the start (goal: 10), ", end="")
            used = _rss(operator.process.pid)
            print(f"{caught_up - led:.1f} s after it had the Lease; RSS {used:.0f} MB (goal: 300)")


def _has_no_queue(operator: OperatorProcess) -> bool:
    return "ecg_work_queue_length 0.0" in operator.metrics()


async def _create_ended(namespace: str, cluster: Cluster) -> None:
    now = "2026-01-01T00:00:00Z"
    condition = {"type": "Succeeded", "status": "True", "reason": "Succeeded", "lastTransitionTime": now, "message": ""}
    attempt = {"number": 1, "run": 1, "profile": "gpu", "pendingSince": now, "jobName": "x", "podUID": "p"}
    result = {"location": "configmaps:x:1", "sha256": "0" * 64, "bytes": 9, "segments": 1, "words": 1, "speakers": 1}
    result |= {"language": "en", "duration": 1.0, "processingTime": 1.0}
    stages = {stage.value: {"startTime": now, "completionTime": now} for stage in Stage}
    pipeline = {"attempt": 1, "podUID": "p", "stages": stages, "stage": "completed", "progress": 100, "result": result}
    status = {"run": 1, "phase": "Succeeded", "conditions": [condition], "completionTime": "2030-01-01T00:00:00Z"}
    status |= {"attempt": attempt, "pipeline": pipeline}

    async def one(i: int) -> None:
        name = f"vj{i:05}"
        await cluster.create(paths.videojobs(namespace), _videojob(name))
        await cluster.patch(paths.videojobs(namespace, name, "status"), {"status": status})

    await _at_once([partial(one, i) for i in range(MANY)])


def _rss(pid: int) -> float:
    """Megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    main()
