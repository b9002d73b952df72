"""`python -m ecg_dev.node up|down|packages`: `make cluster-up`, `cluster-down` and `cluster-packages`."""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from ecg_dev.control_plane.binaries import NODE_PROGRAMS, PROGRAMS, cache, program
from ecg_dev.node.cluster import NodeCluster
from ecg_dev.node.requirements import missing_packages, why_not

_HERE = Path(".cache/cluster")
"""In the clone, for people: a copy of the kubeconfig and a link to the logs."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ecg_dev.node")
    parser.add_argument("what", choices=("up", "down", "packages"))
    what = parser.parse_args().what
    try:
        {"up": _up, "down": _down, "packages": _packages}[what]()
    except (RuntimeError, AssertionError) as error:  # AssertionError: a wait timed out
        sys.exit(f"cluster-{what}: {error}")


def _up() -> None:
    _check()
    for needed in (*PROGRAMS, *NODE_PROGRAMS):
        program(needed.name)
    began = time.monotonic()
    cluster = NodeCluster()
    cluster.up(lambda line: print(f"  {line}", flush=True))
    _HERE.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(cluster.kubeconfig, _HERE / "kubeconfig")
    (_HERE / "kubeconfig").chmod(0o600)
    logs = _HERE / "logs"
    if not logs.is_symlink():
        logs.symlink_to(cluster.logs)
    print(f"the cluster is up after {time.monotonic() - began:.0f} s; logs in {logs}. To use it:")
    programs = str(program("kubectl").parent).replace(str(Path.home()), "~", 1)
    print(f"  export KUBECONFIG=$PWD/{_HERE}/kubeconfig PATH={programs}:$PATH")


def _down() -> None:
    if os.geteuid() != 0:
        raise RuntimeError("root is needed")
    NodeCluster().down()
    (_HERE / "kubeconfig").unlink(missing_ok=True)
    print(f"the cluster is down; its images are kept in {cache() / 'cluster'}")


def _packages() -> None:
    """Install the missing Debian packages."""
    missing = missing_packages()
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise RuntimeError(f"install these with your package manager: {' '.join(missing)}")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=quiet)
    subprocess.run(["apt-get", "install", "-qq", "--no-install-recommends", *missing], check=True, env=quiet)


def _check() -> None:
    reason = why_not()
    if reason is not None:
        raise RuntimeError(reason)


if __name__ == "__main__":
    main()
