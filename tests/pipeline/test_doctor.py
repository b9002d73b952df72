"""The pipeline's checks, graded."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ecg_contract.findings import Grade
from ecg_pipeline.doctor import check_gated_model, check_s3, grade_gpu


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
    hub: str, model: str, token: str | None, grade: Grade, advice: str
) -> None:
    finding = check_gated_model(model, token, hub)
    assert finding.grade is grade
    assert advice in finding.advice


def test_a_local_model_needs_no_token(tmp_path: Path) -> None:
    assert check_gated_model(str(tmp_path), None).grade is Grade.OK


def test_a_hub_that_does_not_answer_is_a_warning() -> None:
    assert check_gated_model("a/b", "secret", "http://127.0.0.1:9").grade is Grade.WARN


def test_a_machine_without_aws_credentials_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert check_s3().grade is Grade.WARN
