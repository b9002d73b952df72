"""MODEL_REVISIONS pins each model of the hub: nothing else than the named revision is asked for."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.program import environment_without

REVISION = "0123456789abcdef0123456789abcdef01234567"
_LOAD_ALL = f"""
import contextlib
from ecg_pipeline.engines.libraries import Libraries
from ecg_pipeline.settings import PipelineSettings

names = ["team/asr", "team/aligner", "team/diarization", "team/emotion"]
revisions = dict.fromkeys([*names, "base"], "{REVISION}")
libraries = Libraries(PipelineSettings(diarization_model="team/diarization", model_revisions=revisions))
for load in (
    lambda: libraries.transcriber("team/asr", "cpu", "int8"),
    lambda: libraries.transcriber("base", "cpu", "int8"),
    lambda: libraries.aligner("en", "team/aligner", "cpu"),
    lambda: libraries.diarizer("cpu"),
    lambda: libraries.emotion_classifier("team/emotion", "cpu"),
):
    with contextlib.suppress(Exception):  # the hub has none of them
        load()
"""


@contextmanager
def _empty_hub(asked: list[str]) -> Iterator[str]:
    """URL of a hub that has nothing; adds the path of each request to `asked`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.timeout(180)
def test_every_model_of_the_hub_is_loaded_at_its_revision(tmp_path: Path) -> None:
    asked: list[str] = []
    with _empty_hub(asked) as hub:
        environment = {**environment_without("HF_"), "HF_ENDPOINT": hub, "HF_HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", _LOAD_ALL], env=environment, capture_output=True, text=True, check=False, timeout=170
        )
    assert done.returncode == 0, done.stderr[-2000:]
    models = ("team/asr", "Systran/faster-whisper-base", "team/aligner", "team/diarization", "team/emotion")
    for model in models:
        of_model = [path for path in asked if model in path]
        assert of_model, f"{model} was not asked for: {asked}"
        assert [path for path in of_model if REVISION not in path] == []
