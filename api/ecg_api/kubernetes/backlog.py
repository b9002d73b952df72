"""How many VideoJobs wait, so that a submission need not list them."""

import asyncio
from collections.abc import Sequence

from ecg_api.errors import QueueFullError, StoreUnavailableError
from ecg_api.kubernetes.videojob_watch import VideoJobWatch
from ecg_api.ports import Submitter
from ecg_contract.videojob.manifests import Manifest
from ecg_contract.videojob.names import SUBMITTER_LABEL

_FIRST_LIST_S = 10.0


class Backlog:
    """Counts what `watch` tells it."""

    def __init__(self, watch: VideoJobWatch, limit: int, *, by_submitter: bool = False) -> None:
        """`limit` 0 is never reached; nothing is checked then, unless submitters have limits of their own."""
        self._watch, self._limit = watch, limit
        self._checks = limit > 0 or by_submitter
        self._waiting: dict[str, str | None] = {}
        """By uid, the submitter."""
        watch.listen(self)

    async def check(self, submitter: Submitter | None = None) -> None:
        """Raises QueueFullError where no other job may wait, StoreUnavailableError while nothing has been counted."""
        if not self._checks:
            return
        try:
            async with asyncio.timeout(_FIRST_LIST_S):
                await self._watch.known()
        except TimeoutError:
            raise StoreUnavailableError("the VideoJobs that wait have not been counted yet") from None
        if self._limit and len(self._waiting) >= self._limit:
            raise QueueFullError
        if submitter is None or submitter.queued_jobs is None:
            return
        if sum(name == submitter.name for name in self._waiting.values()) >= submitter.queued_jobs:
            raise QueueFullError(submitter.name)

    def replace(self, manifests: Sequence[Manifest]) -> None:
        self._waiting = {}
        for manifest in manifests:
            self.put(manifest)

    def put(self, manifest: Manifest) -> None:
        metadata = manifest["metadata"]
        if is_waiting(manifest):
            self._waiting[metadata["uid"]] = metadata.get("labels", {}).get(SUBMITTER_LABEL)
        else:
            self.remove(metadata["uid"])

    def remove(self, uid: str) -> None:
        self._waiting.pop(uid, None)


def is_waiting(manifest: Manifest) -> bool:
    """Whether the run waits for a slot or for its pod; read from the raw object, as each event asks for it."""
    spec, status = manifest["spec"], manifest.get("status") or {}
    run, attempt = spec.get("run", 1), status.get("attempt") or {}
    if spec.get("suspend") or spec.get("cancelledRun", 0) >= run or manifest["metadata"].get("deletionTimestamp"):
        return False
    if status.get("run") != run:
        return True
    return "completionTime" not in status and "startTime" not in attempt
