"""Each row of the table of outcomes on a real control plane: what the pod does, the job's status, the last callback.

One operator with short limits, and all rows at once, as on a busy day.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ecg_contract.attempt_outcome import DEADLINE_MESSAGE
from ecg_contract.stages import Stage
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.cluster_jobs import VideoJobs
from support.operator_process import OperatorProcess
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import PlayedPipeline
from support.receiver import Receiver

LIMITS = {"STUCK_LIMIT_S": "3", "HEARTBEAT_LOST_S": "3"}
NOWHERE = {"gpu": {"nodeSelector": {"nowhere": "yes"}, "resources": {"limits": {"nvidia.com/gpu": 1}}}, "cpu": {}}
Play = Callable[[PlayedPipeline, int], None]


@dataclass(frozen=True)
class Row:
    """`play` is given the attempt's number."""

    play: Play
    error: str | None
    """Code of the last callback; None for a completed job."""
    attempts: int
    words: str = ""
    """In the error's message."""
    shown: str = ""
    """Reason that the condition Scheduled has while it waits."""
    spec: tuple[tuple[str, Any], ...] = ()


def _then_works(first: Callable[[PlayedPipeline], None]) -> Play:
    def play(pipeline: PlayedPipeline, attempt: int) -> None:
        first(pipeline) if attempt == 1 else pipeline.work()

    return play


def _ends(exit_code: int, **how: str) -> Play:
    def play(pipeline: PlayedPipeline, attempt: int) -> None:
        pipeline.pod.run()
        pipeline.wait_until_assigned()
        pipeline.pod.finish(exit_code, **how)

    return play


def _once(exit_code: int, **how: str) -> Play:
    return _then_works(lambda pipeline: _ends(exit_code, **how)(pipeline, 1))


def _silent(pipeline: PlayedPipeline) -> None:
    pipeline.pod.run()
    pipeline.reach(Stage.DOWNLOAD)
    pipeline.pod.deleted.wait(30)


def _beats(pipeline: PlayedPipeline, _attempt: int) -> None:
    pipeline.pod.run()
    while not pipeline.pod.deleted.wait(0.5):
        pipeline.report(stage="download", progress=1)


def _deletes(kind: str) -> Play:
    def first(pipeline: PlayedPipeline) -> None:
        pipeline.pod.run()
        pipeline.reach(Stage.DOWNLOAD)
        pod = pipeline.pod
        job = pod.manifest["metadata"]["ownerReferences"][0]["name"]
        path = pod.path if kind == "pod" else f"/apis/batch/v1/namespaces/{pod.namespace}/jobs/{job}"
        pod.admin.delete(path, params={"propagationPolicy": "Background"}).raise_for_status()

    return _then_works(first)


def _no_image(pipeline: PlayedPipeline, _attempt: int) -> None:
    pipeline.pod.wait_in("ImagePullBackOff", "Back-off pulling image")
    pipeline.pod.deleted.wait(30)


def _no_secret(pipeline: PlayedPipeline, _attempt: int) -> None:
    pod = pipeline.pod
    about = {"kind": "Pod", "name": pod.name, "namespace": pod.namespace, "uid": pod.uid}
    event = {"metadata": {"name": f"{pod.name}.1"}, "involvedObject": about, "type": "Warning"}
    event |= {"reason": "FailedMount", "message": 'secret "x-source" not found'}
    pod.admin.post(f"/api/v1/namespaces/{pod.namespace}/events", json=event).raise_for_status()
    pod.deleted.wait(30)


def _never(pipeline: PlayedPipeline, _attempt: int) -> None:
    raise AssertionError("a pod without a node was played")


# Much longer than the 5 s for which a text for people may wait to be written: all rows share two cores.
_ON_A_GPU_OR_NEVER = (("enableGpu", True), ("queueLimitSeconds", 25))
_NO_MODEL = '{"code": "MODEL_LOADING_ERROR", "message": "no such model"}'
ROWS = {
    "completes": Row(lambda pipeline, _: pipeline.work(), None, 1),
    "download": Row(_ends(10), "DOWNLOAD_ERROR", 1),
    "audio": Row(_ends(11), "AUDIO_EXTRACTION_ERROR", 1),
    "processing": Row(_ends(12), "PROCESSING_ERROR", 1),
    "model": Row(
        _ends(13, message='{"code":"MODEL_LOADING_ERROR","message":"no such model"}'),
        "MODEL_LOADING_ERROR",
        1,
        "no such model",
    ),
    "gpu-memory": Row(_once(14), None, 2),
    "abort": Row(_once(134), None, 2),
    "aborts": Row(_ends(139), "PROCESSING_ERROR", 2),
    "memory": Row(_once(137, reason="OOMKilled"), None, 2),
    "memory-again": Row(_ends(137, reason="OOMKilled"), "PROCESSING_ERROR", 2, "memory"),
    "no-result": Row(_once(0), None, 2),
    "unknown-code": Row(_ends(77), "PROCESSING_ERROR", 2),
    "terminated": Row(_once(143), None, 2),
    "fenced": Row(_once(15), None, 2),
    "pod-deleted": Row(_deletes("pod"), None, 2),
    "job-deleted": Row(_deletes("job"), None, 2),
    "silent": Row(_then_works(_silent), None, 2),
    "interrupted-often": Row(_ends(143), "PROCESSING_ERROR", 6),
    "deadline": Row(_beats, "PROCESSING_ERROR", 1, DEADLINE_MESSAGE, spec=(("activeDeadlineSeconds", 2),)),
    "image": Row(_no_image, "PROCESSING_ERROR", 1, "Back-off pulling", "ImagePullBackOff"),
    "secret": Row(_no_secret, "PROCESSING_ERROR", 1, "not found", "FailedMount"),
    "no-node": Row(_never, "PROCESSING_ERROR", 1, "0/1 nodes", "Unschedulable", _ON_A_GPU_OR_NEVER),
}


@pytest.fixture
def operator(cluster: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    config = tmp_path / "pods.json"
    config.write_text(json.dumps(NOWHERE))
    with OperatorProcess(cluster, namespace, tmp_path, POD_CONFIG_FILE=str(config), **LIMITS) as process:
        process.wait_for_log("in_sync")
        yield process


def _script(pod: PlayedPod) -> None:
    pipeline = PlayedPipeline(pod)
    ROWS[pipeline.videojob].play(pipeline, pipeline.job["attempt"])


def _wait_until_shown(videojobs: VideoJobs) -> None:
    """What each waits for was to be read in its status."""
    wanted = {(name, row.shown) for name, row in ROWS.items() if row.shown}
    seen: set[tuple[str, str]] = set()

    def all_seen() -> bool:
        for videojob in videojobs.all():
            conditions = (videojob.get("status") or {}).get("conditions") or []
            seen.update((videojob["metadata"]["name"], c["reason"]) for c in conditions if c["type"] == "Scheduled")
        return wanted <= seen

    wait_until(all_seen, 60, lambda: wanted - seen)


def test_every_outcome_has_its_status_and_its_callback(
    cluster: ControlPlane, namespace: str, operator: OperatorProcess
) -> None:
    videojobs = VideoJobs(cluster, namespace)
    with Receiver() as backend, played_kubelet(cluster, namespace, _script, threads=len(ROWS)):
        for name, row in ROWS.items():
            videojobs.create(name, backend.url, **{"enableGpu": False, **dict(row.spec)})
        _wait_until_shown(videojobs)
        for name in ROWS:
            videojobs.wait_for_condition(name, "CallbackDelivered", "True", "Delivered", 90)
    for name, row in ROWS.items():
        status, last = videojobs.status(name), backend.of(name)[-1].json
        assert status["attempt"]["number"] == row.attempts, (name, status)
        assert last["status"] == ("failed" if row.error else "completed"), (name, last)
        assert last.get("error_code") == row.error, (name, last)
        assert row.words in last.get("error_message", ""), (name, last)
        assert status["phase"] == ("Failed" if row.error else "Succeeded")
        progress = [r.json.get("progress") or 0 for r in backend.of(name)]
        assert len(progress) == len(set(progress)), (name, progress)
    busy = {
        p["metadata"]["name"] for p in videojobs.objects("pods") if p["status"].get("phase") in ("Running", "Pending")
    }
    assert not busy, "nothing is left at work"


def test_a_refused_quota_is_shown_and_waited_for(cluster: ControlPlane, namespace: str, tmp_path: Path) -> None:
    videojobs = VideoJobs(cluster, namespace)
    videojobs.set_quota("pods", "0")
    with OperatorProcess(cluster, namespace, tmp_path), Receiver() as backend:
        videojobs.create("j", backend.url, enableGpu=False)
        videojobs.wait_for_condition("j", "Scheduled", "False", "FailedCreate")
        assert "exceeded quota" in videojobs.status("j")["message"]
        videojobs.delete_object("resourcequotas", "none")
        with played_kubelet(cluster, namespace, lambda pod: PlayedPipeline(pod).work()):
            videojobs.wait_for_condition("j", "CallbackDelivered", "True", "Delivered", 60)
    assert videojobs.status("j")["attempt"]["number"] == 1
