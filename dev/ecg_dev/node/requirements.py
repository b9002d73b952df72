"""What this machine needs to run the cluster, and the Debian packages that provide it."""

import os
import shutil
import sys
from pathlib import Path

# Required programs by the Debian package that provides them.
_PACKAGES = {
    "containerd": ("containerd", "ctr"),
    "runc": ("runc",),
    "containernetworking-plugins": ("/usr/lib/cni/bridge", "/usr/lib/cni/portmap"),
    "iptables": ("iptables",),
    "conntrack": ("conntrack",),
    "iproute2": ("ip",),
    "util-linux": ("unshare", "nsenter"),
    "buildah": ("buildah",),
    "debootstrap": ("debootstrap",),
}


def why_not() -> str | None:
    """The reason why this machine cannot run the cluster; None if it can."""
    if sys.platform != "linux":
        return "a Linux machine is needed; elsewhere use kind (docs/kind.md)"
    if os.geteuid() != 0:
        return "root is needed, for namespaces and containers: sudo make ..., or use kind (docs/kind.md)"
    lacking = missing_packages()
    if lacking:
        return f"packages are missing: make cluster-packages (apt-get install {' '.join(lacking)})"
    return None


def missing_packages() -> list[str]:
    return [name for name, programs in _PACKAGES.items() if not all(_is_there(p) for p in programs)]


def _is_there(program: str) -> bool:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


def too_little_disk(folder: Path, needed_gb: int) -> str | None:
    """A sentence if less than `needed_gb` is free, else None."""
    free = shutil.disk_usage(folder).free / 1e9
    return f"{free:.0f} GB are free in {folder}, {needed_gb} GB are needed" if free < needed_gb else None
