"""docs/api.md and docs/commands.md show what is printed; UPDATE_DOCS=1 writes it there."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg_dev.control_plane.processes import free_port
from ecg_dev.waiting import wait_until
from support.media_server import MediaServer
from support.pipeline_process import ROOT, demo_environment
from support.printed_document import blocks_of, check_or_update, printed
from support.server_process import ServerProcess

DOCUMENTS = ("api.md", "commands.md")
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def videos() -> Iterator[int]:
    """The port of a server of the demo's samples."""
    with MediaServer() as server:
        server.serve_files(ROOT / "demo/samples", "*.mp4")
        yield server.port


@pytest.fixture
def server(tmp_path: Path, videos: int) -> Iterator[ServerProcess]:
    """`make serve DEMO=1`, with its models loaded."""
    (tmp_path / "server").mkdir()
    environment = demo_environment(FETCH_ALLOW=f"127.0.0.1:{videos}", CALLBACK_ALLOW="127.0.0.1")
    with ServerProcess(tmp_path / "server", environment) as started:
        started.start()
        wait_until(lambda: started.client.get("/health/ready").status_code == 200, PATIENCE_S, started.last_words)
        yield started


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_document_shows_what_is_printed(name: str, server: ServerProcess, videos: int, tmp_path: Path) -> None:
    ports = {"8001": str(server.client.base_url.port), "8002": str(videos), "8003": str(free_port())}
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "demo").symlink_to(ROOT / "demo")
    (folder / "meeting.mp4").symlink_to(ROOT / "demo/samples/meeting_en.mp4")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = demo_environment(
        PATH=path, PORT=ports["8001"], FETCH_ALLOW=f"127.0.0.1:{videos}", CALLBACK_ALLOW="127.0.0.1", COLUMNS="100"
    )
    document = ROOT / "docs" / name
    blocks = blocks_of(document.read_text(encoding="utf-8"))
    shown = printed(
        blocks,
        folder,
        environment,
        lambda command: _replaced(command, ports),
        lambda text: _replaced(text, {there: here for here, there in ports.items()}).replace(f"{folder}/", ""),
    )
    check_or_update(document, blocks, shown)


def _replaced(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        text = text.replace(f":{old}", f":{new}").replace(f"--port {old}", f"--port {new}")
    return text
