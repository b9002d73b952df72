"""Builds images with buildah, which needs no Docker engine, in its own storage in the cache folder."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ecg_dev.control_plane.binaries import cache
from ecg_dev.images.recipes import BASE_IMAGE, ROOT, Recipe

_CERTIFICATES = Path("/etc/ssl/certs")
_BASE_PACKAGES = "python3,python3-venv,ca-certificates"
_RUNROOT = "/run/ecg-audio-analyzer-images"


class Buildah:
    """Every method raises RuntimeError with the failed command's output."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._home = cache() / "images"

    def provide_base(self) -> None:
        """Build the Dockerfiles' base image under its usual name, so that no registry is needed: the distribution's
        minimal system with its Python."""
        if self._do("images", "--quiet", "--filter", f"reference={BASE_IMAGE}"):
            return
        self._say("building the base image from the distribution's packages: about a minute, only this time")
        container = self._do("from", "scratch")
        try:
            folder = Path(self._do("mount", container))
            _debootstrap(folder)
            (folder / "usr/bin/python").symlink_to("python3")
            for used in (*folder.glob("var/cache/apt/archives/*.deb"), *folder.glob("var/lib/apt/lists/*_*")):
                used.unlink()
            self._do("umount", container)
            self._do("commit", container, BASE_IMAGE)
        finally:
            self._do("rm", container)

    def build(self, recipe: Recipe) -> None:
        """Rebuilds only the layers whose inputs have changed."""
        arguments = [f"--build-arg={name}={value}" for name, value in recipe.arguments.items()]
        certificates = f"--volume={_CERTIFICATES}:{_CERTIFICATES}:ro"
        options = ["--layers", "--network=host", certificates, *arguments, f"--file={recipe.dockerfile}"]
        log = self.log(recipe)
        with log.open("wb") as output:
            command = self._command("bud", *options, f"--tag={recipe.tag}", ".")
            code = subprocess.run(
                command, cwd=ROOT, env=self._environment(), stdout=output, stderr=output, check=False
            ).returncode
        if code:
            raise RuntimeError(f"building {recipe.name} failed, {log}:\n{log.read_text(errors='replace')[-3000:]}")

    def log(self, recipe: Recipe) -> Path:
        """The build's log."""
        return self._home / f"{recipe.name}.log"

    @contextmanager
    def saved(self, tag: str) -> Iterator[IO[bytes]]:
        """A stream of the image in `docker save`'s format, its layers uncompressed."""
        command = self._command("push", "--quiet", tag, "docker-archive:/dev/stdout")
        with subprocess.Popen(
            command, env=self._environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            assert writer.stderr is not None
            yield writer.stdout
            words = writer.stderr.read().decode(errors="replace")
        if writer.returncode:
            raise RuntimeError(f"{' '.join(command)}: {words[-2000:]}")

    def identity(self, tag: str) -> str:
        """Digest of the image's configuration, without `sha256:`."""
        return self._do("images", "--quiet", "--no-trunc", "--filter", f"reference={tag}").removeprefix("sha256:")

    def prune(self) -> None:
        """Remove layers that no image uses."""
        self._do("rmi", "--prune")

    def is_built(self, recipe: Recipe) -> bool:
        return bool(self._do("images", "--quiet", "--filter", f"reference={recipe.tag}"))

    def size_mb(self, tag: str) -> float:
        """Size of the unpacked image, to three digits."""
        number, unit = self._do("images", "--format={{.Size}}", "--filter", f"reference={tag}").split()
        return float(number) * {"KB": 0.001, "MB": 1, "GB": 1000}[unit]

    def _do(self, *arguments: str) -> str:
        return _run(self._command(*arguments), self._environment())

    def _command(self, *arguments: str) -> list[str]:
        return ["buildah", f"--root={self._home / 'storage'}", f"--runroot={_RUNROOT}", *arguments]

    def _environment(self) -> dict[str, str]:
        """Variables for buildah without a container runtime, with this machine's uv cache for the Dockerfiles."""
        temporary = self._home / "tmp"
        uv = temporary / "buildah-cache/var/cache/uv"  # where buildah keeps the Dockerfiles' cache mount
        if not uv.is_symlink():
            uv.parent.mkdir(parents=True, exist_ok=True)
            (cache() / "uv").mkdir(exist_ok=True)
            uv.symlink_to(cache() / "uv")
        return os.environ | {"BUILDAH_ISOLATION": "chroot", "TMPDIR": str(temporary)}


def _debootstrap(folder: Path) -> None:
    options = ["--variant=minbase", f"--include={_BASE_PACKAGES}"]
    with tempfile.TemporaryFile() as log:
        done = subprocess.run(
            ["debootstrap", *options, "bookworm", str(folder), _mirror()], stdout=log, stderr=log, check=False
        )
        if done.returncode:
            log.seek(0)
            raise RuntimeError(f"debootstrap failed:\n{log.read()[-3000:].decode(errors='replace')}")


def _mirror() -> str:
    """The Debian mirror that apt uses."""
    targets = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"], dict(os.environ))
    mirrors = [line for line in targets.splitlines() if "/debian" in line and "security" not in line]
    if not mirrors:
        raise RuntimeError("apt knows no Debian mirror: apt-get update")
    return mirrors[0]


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()
