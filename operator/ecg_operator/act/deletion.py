"""Deletes what may be gone already."""

import contextlib

from ecg_cluster.client import Cluster
from ecg_cluster.errors import ConflictError, NotFoundError


async def delete_if_present(cluster: Cluster, path: str, uid: str | None = None) -> None:
    """Raises ClusterError; already deleted, or replaced by another object of that name than `uid`, is success."""
    with contextlib.suppress(NotFoundError, ConflictError):
        await cluster.delete(path, uid=uid)
