"""The pause image: its container holds a pod's namespaces and reaps orphaned processes."""

import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from ecg_dev.control_plane.binaries import go_command, go_environment
from ecg_dev.node.config import PAUSE_IMAGE

_PROGRAM = """\
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	signal.Ignore(syscall.SIGCHLD)
	<-ended
}
"""


def load_pause_image(ctr: Callable[..., str]) -> None:
    """Build the image and import it into containerd, unless it is there."""
    if PAUSE_IMAGE in ctr("images", "list", "-q").split():
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "pause.tar")
        _write_image(archive, _build(Path(folder)))
        ctr("images", "import", str(archive))


def _build(folder: Path) -> bytes:
    (folder / "main.go").write_text(_PROGRAM)
    command = [go_command(), "build", "-trimpath", "-ldflags=-s -w", "-o", "pause", "main.go"]
    subprocess.run(command, cwd=folder, env=go_environment(), check=True)
    return (folder / "pause").read_bytes()


def _write_image(target: Path, program: bytes) -> None:
    """In the format of `docker save`: one layer with one file."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        _add(tar, "pause", program, mode=0o755)
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    configuration = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": ["/pause"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [PAUSE_IMAGE], "Layers": ["layer.tar"]}]
    with tarfile.open(target, "w") as tar:
        _add(tar, "config.json", json.dumps(configuration).encode())
        _add(tar, "layer.tar", layer.getvalue())
        _add(tar, "manifest.json", json.dumps(manifest).encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
