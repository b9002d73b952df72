"""The grades of the pipeline's checks."""

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from ecg_common.checks import Grade, findings_of
from ecg_pipeline.doctor import checks, models
from ecg_pipeline.doctor.checks import check_gated_model, check_s3, grade_gpu
from ecg_pipeline.model_hub.cache import HubCache
from ecg_pipeline.settings import FetchSettings, PipelineSettings


@pytest.mark.parametrize(
    ("total", "free", "grade"),
    [(15_360, 15_000, Grade.OK), (16_384, 16_000, Grade.OK), (8_192, 8_000, Grade.WARN), (15_360, 500, Grade.WARN)],
)
def test_a_gpu_is_held_to_16_gb(total: int, free: int, grade: Grade) -> None:
    assert grade_gpu("Tesla T4", total, free).grade is grade


@pytest.fixture
def hub() -> Iterator[str]:
    """Answers as the hub does: 401 without a token, 403 without consent."""

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            statuses = {None: 401, "Bearer stranger": 403, "Bearer friend": 200}
            found = "/known/model/resolve/main/config.yaml" in self.path
            self.send_response(statuses[self.headers["authorization"]] if found else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(
    ("model", "token", "grade", "advice"),
    [
        ("known/model", "friend", Grade.OK, ""),
        ("known/model", "stranger", Grade.FAIL, "accept the conditions"),
        ("known/model", None, Grade.FAIL, "make a token"),
        ("misspelt/model", "friend", Grade.FAIL, "DIARIZATION_MODEL"),
    ],
)
def test_the_right_to_a_gated_model_is_asked_for(
    hub: str, model: str, token: str | None, grade: Grade, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub)
    finding = check_gated_model(_settings(model, token))
    assert finding.grade is grade
    assert advice in finding.advice


def _settings(model: str, token: str | None = None) -> PipelineSettings:
    return PipelineSettings(diarization_model=model, hf_token=SecretStr(token) if token else None)


def test_a_local_model_needs_no_token(tmp_path: Path) -> None:
    assert check_gated_model(_settings(str(tmp_path))).grade is Grade.OK


def test_a_gated_model_in_the_cache_needs_no_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    cache = HubCache(tmp_path)
    folder = cache.remember("gated/model", "main", "0" * 40)
    assert check_gated_model(_settings("gated/model")).grade is Grade.WARN, "nothing of it is there yet"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("pipeline:\n  name: pyannote.audio.pipelines.SpeakerDiarization\n")
    finding = check_gated_model(_settings("gated/model"))
    assert (finding.grade, finding.found) == (Grade.OK, f"not needed: gated/model is in the cache {tmp_path}")


@pytest.fixture
def silent() -> Iterator[str]:
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_check_that_gets_no_answer_ends_in_time_and_says_so(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("HF_ENDPOINT", silent)):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(checks, "_TIMEOUT_S", 0.3)
    settings = PipelineSettings(s3_endpoint_url=silent, s3_buckets=("videos",), diarization_model="gated/model")
    began: list[str] = []
    found = {finding.name: finding for finding in findings_of(checks.checks(settings), began.append)}
    assert began == ["GPU", "S3", "S3 bucket videos", "HF_TOKEN"]
    assert (found["S3 bucket videos"].grade, found["HF_TOKEN"].grade) == (Grade.FAIL, Grade.WARN)
    assert "ReadTimeoutError" in found["S3 bucket videos"].found
    assert "does not give gated/model" in found["HF_TOKEN"].found


def test_a_hub_that_does_not_answer_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert check_gated_model(_settings("a/b", "secret")).grade is Grade.WARN


def test_a_machine_without_aws_credentials_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    (finding,) = check_s3(FetchSettings())
    assert finding.grade is Grade.WARN


def test_each_bucket_that_is_named_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="videos")
        settings = PipelineSettings(s3_endpoint_url=endpoint, s3_buckets=("videos", "missing"))
        found = [f for check in checks.checks(settings) if "bucket" in check.name for f in check.run()]
    finally:
        server.stop()
    assert [(f.name, f.grade) for f in found] == [
        ("S3 bucket videos", Grade.OK),
        ("S3 bucket missing", Grade.FAIL),
    ]


class _Engines:
    """Engines whose models load, but for those that are called broken."""

    def device(self, wanted: str) -> str:
        return "cpu"

    def compute_type(self, device: str) -> str:
        return "int8"

    def voice_activity(self, device: str) -> object:
        return object()

    def transcriber(self, name: str, device: str, compute_type: str) -> object:
        return self._load(name)

    def diarizer(self, device: str) -> object:
        return object()

    def aligner(self, language: str, name: str, device: str) -> object:
        return self._load(name)

    def emotion_classifier(self, name: str, device: str) -> object:
        return self._load(name)

    def _load(self, name: str) -> object:
        if name == "broken":
            raise OSError("no file https://hub.example/broken?token=hunter2")
        return object()


def _grades(settings: PipelineSettings) -> dict[str, Grade]:
    engines: Any = _Engines()
    found = list(findings_of(models.checks(engines, settings), lambda _: None))
    assert "hunter2" not in repr(found)
    return {finding.name: finding.grade for finding in found}


def test_every_configured_model_is_loaded() -> None:
    settings = PipelineSettings(align_models={"en": "a", "ko": "b"}, emotion_models={"en": "c"})
    names = ["device", "speech detection", "transcription", "diarization", "alignment en", "alignment ko", "emotion en"]
    assert _grades(settings) == dict.fromkeys(names, Grade.OK)


def test_a_model_that_jobs_need_fails_and_another_warns() -> None:
    grades = _grades(PipelineSettings(asr_model="broken", align_models={"en": "broken"}, emotion_models={}))
    assert (grades["transcription"], grades["alignment en"]) == (Grade.FAIL, Grade.WARN)
    assert grades["diarization"] is Grade.OK
