"""The front door's jobs as VideoJobs in a cluster; the operator works on them.

Every change is made over the version that was decided on, and decided anew when somebody was faster. A job is accepted
when its VideoJob, and the Secret of a URL that is a credential, are stored: a crash between the two is healed when the
backend asks again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import IO, Any, TypeVar

from ecg_api.errors import StoreUnavailableError
from ecg_api.jobs.sources import source_name
from ecg_api.kubernetes.manifests import can_run_again, is_credential, source_secret_manifest, videojob_manifest
from ecg_api.kubernetes.result_file import fetched
from ecg_api.kubernetes.uploads import BucketUploads
from ecg_api.kubernetes.view import awaits_redelivery, state_of, view
from ecg_api.ports import JobState, JobView, Submission, SubmitOutcome, UploadSlot
from ecg_callbacks.ports import ResultSource
from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import AlreadyExistsError, ClusterError, ConflictError, NotFoundError
from ecg_common.logs import job_logger
from ecg_contract.videojob.names import videojob_name
from ecg_contract.videojob.resource import ConditionType, VideoJob

T = TypeVar("T")
Manifest = dict[str, Any]

_TRIES = 20
_PAUSE_S = 0.05
_WATCH_PAUSE_S = 0.5
_WATCH_S = 60
_UNDELIVERED = ("Undelivered", "Rejected")


class VideoJobStore:
    """`JobStore`, `Redelivery`, and with a bucket `Uploads`. What the API server refuses is StoreUnavailableError."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        results: ResultSource,
        uploads: BucketUploads | None = None,
        *,
        watching: Cluster | None = None,
    ) -> None:
        """`watching`: the connection for watches, each of which may last long."""
        self._cluster, self._namespace, self._watching = cluster, namespace, watching or cluster
        self._results, self._uploads = results, uploads

    async def submit(self, submission: Submission) -> SubmitOutcome:
        url, name = await self._source(submission)
        return await self._repeated(lambda: self._submit(submission, url, name))

    async def get(self, job_id: str) -> JobView | None:
        videojob = await self._stored(self._find(job_id))
        return view(videojob) if videojob else None

    async def result(self, job_id: str) -> IO[bytes] | None:
        videojob = await self._stored(self._find(job_id))
        report = videojob.status.report if videojob and state_of(videojob) is JobState.COMPLETED else None
        return await fetched(self._results, report.result) if report and report.result else None

    async def delete(self, job_id: str) -> bool:
        videojob = await self._stored(self._find(job_id))
        if videojob is None:
            return False
        try:
            await self._stored(self._cluster.delete(self._path(videojob), uid=videojob.metadata.uid))
        except StoreUnavailableError as error:
            if isinstance(error.__cause__, NotFoundError | ConflictError):
                return False
            raise
        job_logger(__name__, job_id).info("videojob_deleted", extra={"videojob": videojob.metadata.name})
        return True

    async def wait(self, job_id: str, timeout_s: float) -> JobView | None:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._final(job_id)
        except TimeoutError:
            return await self.get(job_id)

    async def cancel(self, job_id: str) -> None:
        async def cancel() -> None:
            videojob = await self._find(job_id)
            if videojob is not None and not state_of(videojob).is_final:
                await self._patch(videojob, cancelledRun=videojob.spec.run)
                job_logger(__name__, job_id).info("job_cancelled")

        await self._repeated(cancel)

    async def missing(self) -> Sequence[str]:
        try:
            await self._cluster.get(f"{paths.videojobs(self._namespace)}?limit=1")
        except ClusterError as error:
            return [f"VideoJobs cannot be reached: {error}"]
        return await self._uploads.missing() if self._uploads else []

    async def slot(self, name: str) -> UploadSlot:
        if self._uploads is None:
            raise StoreUnavailableError("uploads need RESULTS_BUCKET")
        return self._uploads.slot(name)

    async def undelivered(self) -> Sequence[JobView]:
        found, _ = await self._stored(self._cluster.list(paths.videojobs(self._namespace)))
        videojobs = [VideoJob.from_manifest(manifest) for manifest in found]
        return [view(videojob) for videojob in videojobs if _is_undelivered(videojob)]

    async def redeliver(self, job_id: str) -> bool:
        async def redeliver() -> bool:
            videojob = await self._find(job_id)
            if videojob is None or videojob.spec.callback is None:
                return False
            if state_of(videojob) not in (JobState.COMPLETED, JobState.FAILED):
                return False
            await self._deliver_again(videojob)
            return True

        return await self._repeated(redeliver)

    async def _source(self, submission: Submission) -> tuple[str, str]:
        """The URL of the media, and its name for people. An upload is put into the bucket first."""
        if submission.source.path is None:
            return str(submission.source.url), source_name(str(submission.source.url))
        if self._uploads is None:
            raise StoreUnavailableError("uploads need RESULTS_BUCKET")
        return await self._uploads.publish(submission.source.path), "upload"

    async def _submit(self, submission: Submission, url: str, name: str) -> SubmitOutcome:
        manifest = videojob_manifest(submission, url, name)
        try:
            await self._create(manifest, url)
        except AlreadyExistsError:
            return await self._submit_again(submission, url, manifest)
        return SubmitOutcome.CREATED

    async def _create(self, manifest: Manifest, url: str) -> None:
        created = await self._cluster.create(paths.videojobs(self._namespace), manifest)
        await self._store_source(VideoJob.from_manifest(created), url)

    async def _submit_again(self, submission: Submission, url: str, manifest: Manifest) -> SubmitOutcome:
        videojob = await self._find(submission.job_id, any_owner=True)
        if videojob is None or videojob.metadata.deletion_timestamp is not None:
            raise _OutrunError  # it went meanwhile
        same = videojob.spec.request_digest == submission.body_key and videojob.spec.job_id == submission.job_id
        match state_of(videojob):
            case JobState.QUEUED | JobState.RUNNING if same:
                await self._store_source(videojob, url)
                return SubmitOutcome.SAME
            case JobState.COMPLETED if same:
                await self._deliver_again(videojob)
                return SubmitOutcome.REDELIVERED
            case JobState.FAILED | JobState.CANCELLED if videojob.spec.job_id == submission.job_id:
                return await self._run_again(videojob, url, manifest)
        return SubmitOutcome.CONFLICT

    async def _run_again(self, videojob: VideoJob, url: str, manifest: Manifest) -> SubmitOutcome:
        """The same body, perhaps signed anew, in the same VideoJob; another body in another one."""
        if can_run_again(videojob, manifest):
            await self._store_source(videojob, url)
            await self._patch(videojob, run=videojob.spec.run + 1)
            return SubmitOutcome.RERUN
        metadata = videojob.metadata
        await self._cluster.delete(self._path(videojob), uid=metadata.uid, version=metadata.resource_version)
        try:
            await self._create(manifest, url)
        except AlreadyExistsError as error:
            raise _OutrunError from error
        return SubmitOutcome.RERUN

    async def _deliver_again(self, videojob: VideoJob) -> None:
        """Once for all who ask until the operator has seen to it."""
        if not awaits_redelivery(videojob):
            await self._patch(videojob, redelivery=videojob.spec.redelivery + 1)

    async def _store_source(self, videojob: VideoJob, url: str) -> None:
        """The Secret of a URL that is a credential, with the newest signature; one without any replaces none."""
        if videojob.spec.source.secret_ref is None:
            return
        secrets, manifest = paths.core(self._namespace, "secrets"), source_secret_manifest(videojob, url)
        try:
            await self._cluster.create(secrets, manifest)
        except AlreadyExistsError:
            if is_credential(url):
                await self._cluster.patch(f"{secrets}/{manifest['metadata']['name']}", manifest)

    async def _final(self, job_id: str) -> JobView | None:
        """The job once it is final; None where it is gone."""
        while True:
            try:
                videojob, version = await self._listed(job_id)
                if videojob is None or state_of(videojob).is_final:
                    return view(videojob) if videojob else None
                await self._change_of(videojob, version)
            except ClusterError:
                await asyncio.sleep(_WATCH_PAUSE_S)

    async def _listed(self, job_id: str) -> tuple[VideoJob | None, str]:
        """And the version that a watch goes on from: the VideoJob's own may be too old for that."""
        selector = f"metadata.name={videojob_name(job_id)}"
        found, version = await self._cluster.list(paths.videojobs(self._namespace), fields=selector)
        videojobs = [VideoJob.from_manifest(manifest) for manifest in found]
        return next((videojob for videojob in videojobs if videojob.spec.job_id == job_id), None), version

    async def _change_of(self, videojob: VideoJob, version: str) -> None:
        """Returns when the job is final, or gone, or the watch has ended. A connection that died in silence is noticed
        by the watch's end, so that comes soon."""
        path, selector = paths.videojobs(self._namespace), f"metadata.name={videojob.metadata.name}"
        async for event in self._watching.watch(path, version, field=selector, limit_s=_WATCH_S):
            if event["type"] == "DELETED":
                return
            if event["type"] == "MODIFIED" and state_of(VideoJob.from_manifest(event["object"])).is_final:
                return

    async def _find(self, job_id: str, *, any_owner: bool = False) -> VideoJob | None:
        """`any_owner`: also when its name is another id's, whose hash is the same."""
        try:
            manifest = await self._cluster.get(paths.videojobs(self._namespace, videojob_name(job_id)))
        except NotFoundError:
            return None
        videojob = VideoJob.from_manifest(manifest)
        return videojob if any_owner or videojob.spec.job_id == job_id else None

    async def _patch(self, videojob: VideoJob, **spec: Any) -> None:
        """Raises ConflictError when it has changed since it was read."""
        version = {"resourceVersion": videojob.metadata.resource_version}
        await self._cluster.patch(self._path(videojob), {"metadata": version, "spec": spec})

    def _path(self, videojob: VideoJob) -> str:
        return paths.videojobs(self._namespace, videojob.metadata.name)

    async def _repeated(self, act: Callable[[], Awaitable[T]]) -> T:
        """`act` until nobody was faster."""
        reason = ""
        for _ in range(_TRIES):
            try:
                return await self._stored(act())
            except StoreUnavailableError as error:
                if not isinstance(error.__cause__, ConflictError | NotFoundError | _OutrunError):
                    raise
                reason = str(error)
                await asyncio.sleep(_PAUSE_S)
        raise StoreUnavailableError(f"given up after {_TRIES} tries: {reason}")

    @staticmethod
    async def _stored(answer: Awaitable[T]) -> T:
        try:
            return await answer
        except (ClusterError, _OutrunError) as error:
            raise StoreUnavailableError(str(error)) from error


class _OutrunError(Exception):
    """Somebody was faster: decide again."""

    def __str__(self) -> str:
        return "the VideoJob is being changed, or removed, by others"


def _is_undelivered(videojob: VideoJob) -> bool:
    delivered = videojob.status.condition(ConditionType.CALLBACK_DELIVERED)
    if delivered is None or delivered.status != "False" or awaits_redelivery(videojob):
        return False
    return delivered.reason in _UNDELIVERED and videojob.status.run == videojob.spec.run
