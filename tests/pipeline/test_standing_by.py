"""A pod without a task: it loads its models, says so, and waits for the file; one that cannot load them ends."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ecg_contract.errors import ErrorCode, ExitCode, FatalError
from ecg_contract.host_protocol import PipelineJob, Source
from ecg_contract.videojob.pod_task import PodTask
from ecg_dev.waiting import wait_until
from ecg_pipeline.analysis import load_media
from ecg_pipeline.analysis.progress import ProgressReporter
from ecg_pipeline.awaited_file import content_of
from ecg_pipeline.hosts.pod.settings import PodSettings
from ecg_pipeline.hosts.pod.task_file import read_task, wait_for_task
from ecg_pipeline.process.logs import JobFields
from ecg_pipeline.process.pod import PodProcess
from ecg_pipeline.settings import PipelineSettings
from support.fake_engines import FakeEngines, FakeReporter

_JOB = PipelineJob.model_validate({"jobId": "j", "source": {"url": "https://a.example/v"}, "resultPath": "/r"})
TASK = PodTask(videojob_name="v", videojob_uid="u", job=_JOB)


class Volume:
    """A folder as the kubelet fills it: each version in a folder of its own, behind a link that is replaced."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._version = folder, 0
        self.file = folder / "task.json"
        self.write("")
        self.file.symlink_to("..data/task.json")

    def write(self, content: str) -> None:
        self._version += 1
        version = self._folder / f"..{self._version}"
        version.mkdir()
        (version / "task.json").write_text(content)
        link = self._folder / "..data_tmp"
        link.symlink_to(version.name)
        os.replace(link, self._folder / "..data")  # noqa: PTH105 - as the kubelet renames it


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    folder = tmp_path / "task"
    folder.mkdir()
    return Volume(folder)


def started(work: Callable[..., Any], *arguments: object) -> "Future[Any]":
    """Its result, from a thread that holds up no test which fails."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work(*arguments))
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def test_the_task_is_seen_when_the_link_is_replaced(volume: Volume) -> None:
    assert read_task(volume.file) is None
    waiting = started(wait_for_task, volume.file)
    volume.write(TASK.to_json())
    assert waiting.result(10) == TASK


def test_what_is_no_task_is_an_error(volume: Volume) -> None:
    waiting = started(wait_for_task, volume.file)
    volume.write("{}")
    with pytest.raises(ValidationError):
        waiting.result(10)


def test_the_url_is_seen_when_its_secret_appears(tmp_path: Path) -> None:
    """Its volume is there and empty until then."""
    folder = tmp_path / "source"
    folder.mkdir()
    waiting = started(content_of, folder / "url", 60.0)
    volume = tmp_path / "version"
    volume.mkdir()
    (volume / "url").write_text(" https://media.example/v.mp4?X-Amz-Signature=canary\n")
    (folder / "..data").symlink_to(volume)
    (folder / "url").symlink_to("..data/url")
    assert waiting.result(10) == b"https://media.example/v.mp4?X-Amz-Signature=canary"


def test_a_url_that_does_not_come_fails_the_job_and_says_where_it_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_media, "_URL_WAIT_S", 0.5)
    source = Source(url_file=tmp_path / "url")
    job = _JOB.model_copy(update={"source": source})
    progress = ProgressReporter(job, FakeReporter())
    with pytest.raises(FatalError, match=r"is not there after .* see the job's Secret") as failure:
        load_media.fetch_media(source, PipelineSettings(), progress, tmp_path)
    assert failure.value.code is ErrorCode.DOWNLOAD_ERROR


def _process(ready: Path, engines: FakeEngines, monkeypatch: pytest.MonkeyPatch, folder: Path) -> PodProcess:
    config = folder / "kubeconfig"
    config.write_text(
        "{apiVersion: v1, kind: Config, current-context: t, users: [{name: t, user: {token: t}}],"
        " clusters: [{name: t, cluster: {server: 'http://127.0.0.1:1'}}], contexts: [{name: t,"
        " context: {cluster: t, user: t}}]}"
    )
    monkeypatch.setenv("KUBECONFIG", str(config))
    pod = PodSettings(pod_name="p", pod_uid="u", pod_namespace="n", standby_ready_file=ready, report_patience_s=0.1)
    return PodProcess(PipelineSettings(), engines, pod, JobFields(), lambda: None)


def test_it_is_ready_once_its_models_are_loaded(
    volume: Volume, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ready, engines = tmp_path / "ready", FakeEngines()
    ending = started(_process(ready, engines, monkeypatch, tmp_path).stand_by, volume.file)
    wait_until(lambda: ready.exists() or ending.done())
    loaded, has_ended = [call[1] for call in engines.calls if call[0] == "load"], ending.done()
    volume.write("{}")  # ends it
    with pytest.raises(ValidationError):
        ending.result(10)
    assert {"vad", "diarizer", "transcriber", "aligner"} <= set(loaded)
    assert not has_ended


def test_it_ends_where_a_model_is_missing(volume: Volume, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*call: object) -> None:
        if call[:2] == ("load", "diarizer"):
            raise FatalError(ErrorCode.MODEL_LOADING_ERROR, "none")

    ready = tmp_path / "ready"
    process = _process(ready, FakeEngines(on=broken), monkeypatch, tmp_path)
    assert process.stand_by(volume.file) == ExitCode.MODEL_LOADING
    assert not ready.exists()
