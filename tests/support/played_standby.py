"""A standby pod as the kubelet would have it: ready when its models are loaded, with its task once that is written."""

import re
from collections.abc import Callable

from ecg_contract.videojob.names import STANDBY_LABEL, TASK_ANNOTATION
from ecg_dev.waiting import wait_until
from support.played_kubelet import PlayedPod, Script
from support.played_pipeline import PlayedPipeline


def is_standby(pod: PlayedPod) -> bool:
    return STANDBY_LABEL in pod.manifest["metadata"]["labels"]


def ready_standby(metrics: str) -> int:
    """Pods on a CPU that the operator with these metrics has ready for the next jobs; others may know of more."""
    found = re.search(r'^ecg_standby_pods{profile="cpu"} (.+)$', metrics, re.MULTILINE)
    return int(float(found[1])) if found else 0


def await_task(pod: PlayedPod, timeout: float = 120) -> PlayedPipeline | None:
    """Its pipeline, once it has a task; None where it is deleted before."""

    def refreshed() -> bool:
        answer = pod.admin.get(pod.path)
        if answer.status_code == 200:
            pod.manifest = answer.json()
        return bool(pod.annotations.get(TASK_ANNOTATION)) or pod.deleted.is_set()

    wait_until(refreshed, timeout)
    return PlayedPipeline(pod) if pod.annotations.get(TASK_ANNOTATION) else None


def standing_by(work: Callable[[PlayedPipeline], None], cold: Script) -> Script:
    """A script: a standby pod does `work` once it has its task, and every other pod plays `cold`."""

    def script(pod: PlayedPod) -> None:
        if not is_standby(pod):
            return cold(pod)
        pod.run()
        pipeline = await_task(pod)
        return work(pipeline) if pipeline is not None else None

    return script
