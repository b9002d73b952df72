"""Loads images into the cluster of this machine."""

import contextlib
import subprocess

from ecg_dev.images.archive import convert
from ecg_dev.images.buildah import Buildah
from ecg_dev.node.cluster import NodeCluster


def load_into_node(engine: Buildah, tag: str, cluster: NodeCluster) -> None:
    """Sends only the layers that the node lacks, and nothing if it has this image; tried twice.

    Raises ImportFailedError.
    """
    try:
        _load(engine, tag, cluster)
    except ImportFailedError:  # containerd may collect a snapshot as garbage while the next layer is unpacked upon it
        _load(engine, tag, cluster)


class ImportFailedError(RuntimeError):
    """containerd did not import the image; the message has its output."""


def _load(engine: Buildah, tag: str, cluster: NodeCluster) -> None:
    known = set(cluster.ctr("content", "list", "--quiet").split())
    if f"sha256:{engine.identity(tag)}" in known and tag in cluster.ctr("images", "list", "--quiet").split():
        return
    importing = cluster.machine.entering("ctr", "--namespace=k8s.io", "images", "import", "-")
    reader = subprocess.Popen(importing, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert reader.stdin is not None
    assert reader.stdout is not None
    # On a broken pipe the reader's output has the reason.
    with engine.saved(tag) as saved, contextlib.suppress(BrokenPipeError), reader.stdin as archive:
        convert(saved, archive, tag, known)
    words = reader.stdout.read().decode(errors="replace")
    if reader.wait():
        raise ImportFailedError(f"{' '.join(importing)}: {words[-2000:]}")
