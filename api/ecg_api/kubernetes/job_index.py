"""All VideoJobs as a watch tells of them: 20 MB for 5,000, which take the API server 1.4 s to list."""

from collections.abc import Sequence

from ecg_api.kubernetes.listed_job import ListedJob
from ecg_contract.videojob.manifests import Manifest


class JobIndex:
    """A listener of `VideoJobWatch`."""

    def __init__(self) -> None:
        self._jobs: dict[str, ListedJob] = {}
        """By uid."""

    def jobs(self) -> Sequence[ListedJob]:
        return tuple(self._jobs.values())

    def version_of(self, uid: str) -> int:
        """0 for one that there is not."""
        return self._jobs[uid].version if uid in self._jobs else 0

    def replace(self, manifests: Sequence[Manifest]) -> None:
        self._jobs = {manifest["metadata"]["uid"]: ListedJob.of(manifest) for manifest in manifests}

    def put(self, manifest: Manifest) -> None:
        """Nothing happens where a later state is known."""
        job, uid = ListedJob.of(manifest), manifest["metadata"]["uid"]
        if job.version >= self.version_of(uid):
            self._jobs[uid] = job

    def remove(self, uid: str) -> None:
        self._jobs.pop(uid, None)
