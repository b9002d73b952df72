"""What the job store does about errors of the Kubernetes API server."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ecg_api.errors import StoreUnavailableError
from ecg_cluster.errors import AlreadyExistsError, ClusterError, ConflictError, NotFoundError

T = TypeVar("T")

_TRIES = 20
_PAUSE_S = 0.05
_CONCURRENT_CHANGE = (AlreadyExistsError, ConflictError, NotFoundError)


async def retry_on_conflict(change: Callable[[], Awaitable[T]]) -> T:
    """Repeat `change`, which reads anew each time, while others change or remove the same objects."""
    tries = 1
    while True:
        try:
            return await change()
        except _CONCURRENT_CHANGE as error:
            if tries == _TRIES:
                raise StoreUnavailableError(f"given up after {_TRIES} tries: {error}") from error
            tries += 1
            await asyncio.sleep(_PAUSE_S)


@contextmanager
def unavailable_on_cluster_error() -> Iterator[None]:
    """Raise StoreUnavailableError in place of ClusterError."""
    try:
        yield
    except ClusterError as error:
        raise StoreUnavailableError(str(error)) from error
