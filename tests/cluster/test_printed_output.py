"""docs/kubernetes-operate.md shows what kubectl prints of VideoJobs (UPDATE_DOCS=1 updates it); its commands work."""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ecg_contract.stages import Stage
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.chart import ROOT
from support.cluster_jobs import VideoJobs
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import PlayedPipeline
from support.receiver import Receiver
from support.release import Release, secured
from support.wire_results import result_json

DOCUMENT = ROOT / "docs" / "kubernetes-operate.md"
DONE = "550e8400-e29b-41d4-a716-446655440000"
COMMANDS = {
    "get": ("get", "videojobs"),
    "wide": ("get", "videojobs", "-o", "wide"),
    "wait": ("wait", "--for=condition=Succeeded", f"videojob/{DONE}", "--timeout=4h"),
    "wait-end": ("wait", "--for=jsonpath={.status.completionTime}", "videojob/broken", "--timeout=4h"),
    "describe": ("describe", "videojob", DONE),
}
_VOLATILE = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z",
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
    r"\b[0-9]+(s|m|m[0-9]+s)\b",
    r"127\.0\.0\.1:[0-9]+",
)


def _script(pod: PlayedPod) -> None:
    """One job completes, one fails, one is half done."""
    pipeline = PlayedPipeline(pod)
    pod.run()
    pipeline.reach(Stage.DOWNLOAD)
    if pipeline.videojob == "broken":
        pipeline.fail(11, message="오디오 추출 실패: no audio stream")
        return
    for stage in (Stage.VAD, Stage.DIARIZATION, Stage.TRANSCRIPTION):
        pipeline.reach(stage)
    if pipeline.videojob == DONE:
        counts = {"segments": 412, "words": 3519, "speakers": 3, "duration": 1263.4, "processingTime": 88.1}
        pipeline.reach(Stage.EMOTION)
        pipeline.reach(Stage.FINALIZE)
        pipeline.reach(Stage.COMPLETED, result=pipeline.store(result_json("...")) | counts | {"language": "ko"})
        pod.finish(0)


@dataclass(frozen=True)
class Shown:
    """Four jobs in different states, a running operator, and what each command printed."""

    jobs: VideoJobs
    backend: Receiver
    printed: dict[str, str]

    def type(self, cluster: ControlPlane, purpose: str, name: str) -> None:
        """The document's command, for this VideoJob."""
        row = re.search(rf"^\| {purpose} \| `kubectl (.*?)`", DOCUMENT.read_text(), re.MULTILINE)
        assert row, purpose
        cluster.kubectl(*shlex.split(row[1].replace("NAME", name)))


@pytest.fixture(scope="module")
def shown(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("printed")
    with (
        secured(cluster, "ecg") as release,
        Receiver() as backend,
        release.operator(folder, "--set", "pipeline.cpu.nodeSelector.pool=cpu") as operator,
        played_kubelet(cluster, "ecg", _script),
    ):
        operator.wait_for_log("in_sync")
        _jobs(release, backend)
        printed = {name: cluster.kubectl(*command, "-n", "ecg") for name, command in COMMANDS.items()}
        yield Shown(release.videojobs, backend, printed)


def _jobs(release: Release, backend: Receiver) -> None:
    jobs = release.videojobs
    jobs.create(DONE, backend.url, language="ko")
    jobs.wait_for_condition(DONE, "CallbackDelivered", "True", "Delivered")
    jobs.create("broken", backend.url)
    jobs.wait_for_condition("broken", "CallbackDelivered", "True", "Delivered")
    jobs.create("halfway", backend.url, language="en")
    jobs.create("no-node", backend.url, enableGpu=False)
    jobs.wait_for_condition("no-node", "Scheduled", "False", "Unschedulable")
    jobs.wait_for_condition("halfway", "Scheduled", "True", "Running")


def _block(name: str, text: str) -> str:
    command = shlex.join(("kubectl", *COMMANDS[name], "-n", "ecg"))
    return f"<!-- printed: {name} -->\n```console\n$ {command}\n{text.rstrip()}\n```\n"


def _found(document: str, name: str) -> str:
    match = re.search(rf"<!-- printed: {name} -->\n```console\n(?:(?!```).*\n)*```\n", document)
    assert match, f"docs/kubernetes-operate.md has no block {name}"
    return match[0]


def _masked(text: str) -> list[str]:
    for pattern in _VOLATILE:
        text = re.sub(pattern, "*", text)
    return [" ".join(line.split()) for line in text.splitlines()]


def _fields(text: str) -> list[str]:
    """A description's field names: its values and its events differ from time to time."""
    return [line.split(":")[0].strip() for line in text.split("\nEvents:", maxsplit=1)[0].splitlines() if ":" in line]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_document_shows_what_is_printed(shown: Shown, name: str) -> None:
    document, block = DOCUMENT.read_text(), _block(name, shown.printed[name])
    if os.environ.get("UPDATE_DOCS"):
        DOCUMENT.write_text(document.replace(_found(document, name), block))
        return
    compared = _fields if name == "describe" else _masked
    assert compared(_found(document, name)) == compared(block), "UPDATE_DOCS=1 updates it"


def test_the_last_callback_is_sent_again(cluster: ControlPlane, shown: Shown) -> None:
    def completed() -> int:
        return sum(request.mark == ("completed", 100) for request in shown.backend.requests)

    assert completed() == 1
    shown.type(cluster, "send the last callback again", DONE)
    wait_until(lambda: completed() == 2, 20)


def test_a_failed_job_runs_again(cluster: ControlPlane, shown: Shown) -> None:
    shown.type(cluster, "run a failed or cancelled job again", "broken")
    wait_until(lambda: shown.jobs.status("broken")["attempt"]["number"] == 2, 20)
    shown.jobs.wait_for_phase("broken", "Failed")


def test_a_running_job_is_cancelled(cluster: ControlPlane, shown: Shown) -> None:
    shown.type(cluster, "cancel", "halfway")
    shown.jobs.wait_for_condition("halfway", "Succeeded", "False", "Cancelled")


def test_a_job_is_held_and_let_go(cluster: ControlPlane, shown: Shown) -> None:
    shown.type(cluster, "hold it and free its node", "no-node")
    shown.jobs.wait_for_phase("no-node", "Suspended")
    shown.jobs.patch("no-node", suspend=False)
    shown.jobs.wait_for_phase("no-node", "Pending")


def test_a_removed_job_is_gone(cluster: ControlPlane, shown: Shown) -> None:
    shown.type(cluster, "remove it, work and result included", "no-node")
    assert not shown.jobs.exists("no-node")
