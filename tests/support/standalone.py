"""A server with a scripted pipeline, and the backend that receives its callbacks."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.receiver import Receiver
from support.scripted_pipeline import ScriptedPipeline
from support.server_process import ServerProcess

STAGES = ("download", "vad", "diarization", "transcription", "emotion", "finalize")


def up_to(stage: str) -> list[str]:
    """The script's steps for the stages up to this one; none for `queued`."""
    return [f"stage:{s}" for s in STAGES[: STAGES.index(stage) + 1]] if stage in STAGES else []


Serve = Callable[..., tuple[ServerProcess, ScriptedPipeline]]


@pytest.fixture
def serve(tmp_path: Path, backend: Receiver) -> Iterator[Serve]:
    """Start a server whose pipeline follows the script; settings by keyword.

    Unless FETCH_MAX_BYTES says otherwise, every disk has room for many videos.
    """
    with ExitStack() as started:

        def start(*script: list[str], **settings: str) -> tuple[ServerProcess, ScriptedPipeline]:
            pipeline = ScriptedPipeline(tmp_path / "scripted", *script)
            environment = {
                **pipeline.environment,
                "BACKEND_URL": backend.url,
                "HEARTBEAT_LOST_S": "20",
                "FETCH_MAX_BYTES": "1",
                **settings,
            }
            server = started.enter_context(ServerProcess(tmp_path, environment))
            return server.start(), pipeline

        yield start
