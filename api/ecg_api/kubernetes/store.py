"""The job store on VideoJobs, which the operator works on.

Every change names the resourceVersion that it was decided on, and is decided again after a concurrent modification.
A job is accepted when its VideoJob, and the Secret of a URL that is a credential, are stored. After a crash between
the two, the backend's next request stores the Secret.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import IO

from ecg_api.errors import QueueFullError, StoreUnavailableError
from ecg_api.jobs.sources import source_name
from ecg_api.kubernetes.backlog import Backlog
from ecg_api.kubernetes.job_index import JobIndex
from ecg_api.kubernetes.listed_job import ListedJob
from ecg_api.kubernetes.manifests import can_run_again, videojob_manifest
from ecg_api.kubernetes.page import page_of
from ecg_api.kubernetes.result_file import fetched
from ecg_api.kubernetes.retries import retry_on_conflict, unavailable_on_cluster_error
from ecg_api.kubernetes.uploads import BucketUploads
from ecg_api.kubernetes.videojob_client import VideoJobClient
from ecg_api.kubernetes.videojob_watch import VideoJobWatch
from ecg_api.kubernetes.view import awaits_redelivery, state_of, view
from ecg_api.ports import JobPage, JobQuery, JobState, JobView, Submission, SubmitOutcome, Submitter, UploadSlot
from ecg_callbacks.ports import ResultSource
from ecg_cluster.errors import AlreadyExistsError, ClusterError, ConflictError, NotFoundError
from ecg_common.logs import job_logger
from ecg_contract.videojob.manifests import Manifest
from ecg_contract.videojob.names import videojob_name
from ecg_contract.videojob.resource import VideoJob


@dataclass(frozen=True, slots=True)
class Listing:
    """What lists are made of, while it is current."""

    watch: VideoJobWatch
    index: JobIndex


class VideoJobStore:
    """`JobStore`, `Redelivery`, and with a bucket `Uploads`."""

    def __init__(
        self,
        client: VideoJobClient,
        results: ResultSource,
        uploads: BucketUploads | None = None,
        backlog: Backlog | None = None,
        listing: Listing | None = None,
    ) -> None:
        """Without `backlog` the queue has no limit; without `listing` each list is read from the API server."""
        self._client, self._results, self._uploads, self._backlog = client, results, uploads, backlog
        self._listing = listing

    async def submit(self, submission: Submission) -> SubmitOutcome:
        url, name = await self._source(submission)
        with unavailable_on_cluster_error():
            return await retry_on_conflict(lambda: self._create(submission, url, name))

    async def get(self, job_id: str) -> JobView | None:
        videojob = await self._find(job_id)
        return view(videojob) if videojob else None

    async def result(self, job_id: str) -> IO[bytes] | None:
        videojob = await self._find(job_id)
        report = videojob.status.report if videojob and state_of(videojob) is JobState.COMPLETED else None
        return await fetched(self._results, report.result) if report and report.result else None

    async def delete(self, job_id: str) -> bool:
        videojob = await self._find(job_id)
        if videojob is None:
            return False
        with unavailable_on_cluster_error():
            try:
                await self._client.delete(videojob)
            except (NotFoundError, ConflictError):  # already deleted, or replaced by another of that name
                return False
        job_logger(__name__, job_id).info("videojob_deleted", extra={"videojob": videojob.metadata.name})
        return True

    async def follow(self, job_id: str) -> AsyncIterator[JobView]:
        async for videojob in self._client.follow(job_id):
            yield view(videojob)

    async def cancel(self, job_id: str) -> None:
        async def cancel() -> None:
            videojob = await self._client.find(job_id)
            if videojob is not None and not state_of(videojob).is_final:
                await self._client.patch(videojob, cancelledRun=videojob.spec.run)
                job_logger(__name__, job_id).info("job_cancelled")

        with unavailable_on_cluster_error():
            await retry_on_conflict(cancel)

    async def retry(self, job_id: str, submitter: Submitter | None = None) -> bool:
        async def retry() -> bool:
            videojob = await self._client.find(job_id)
            if videojob is None or not state_of(videojob).may_run_again:
                return False
            if self._backlog is not None:
                await self._backlog.check(submitter)
            await self._client.patch(videojob, run=videojob.spec.run + 1)
            job_logger(__name__, job_id).info("job_retried")
            return True

        with unavailable_on_cluster_error():
            return await retry_on_conflict(retry)

    async def list_jobs(self, query: JobQuery) -> JobPage:
        if self._listing is not None and self._listing.watch.is_current:
            return await asyncio.to_thread(page_of, self._listing.index.jobs(), query)
        with unavailable_on_cluster_error():
            manifests = await self._client.list_manifests()
        return await asyncio.to_thread(lambda: page_of(map(ListedJob.of, manifests), query))

    async def missing(self) -> Sequence[str]:
        try:
            await self._client.check()
        except ClusterError as error:
            return [f"VideoJobs cannot be reached: {error}"]
        return []  # the bucket is needed for uploads alone, which say so themselves

    async def slot(self, name: str) -> UploadSlot:
        return self._bucket().slot(name)

    async def redeliver(self, job_id: str) -> bool:
        async def redeliver() -> bool:
            videojob = await self._client.find(job_id)
            if videojob is None or videojob.spec.callback is None:
                return False
            if state_of(videojob) not in (JobState.COMPLETED, JobState.FAILED):
                return False
            await self._deliver_again(videojob)
            return True

        with unavailable_on_cluster_error():
            return await retry_on_conflict(redeliver)

    async def _find(self, job_id: str) -> VideoJob | None:
        with unavailable_on_cluster_error():
            return await self._client.find(job_id)

    def _bucket(self) -> BucketUploads:
        if self._uploads is None:
            raise StoreUnavailableError("uploads need RESULTS_BUCKET")
        return self._uploads

    async def _source(self, submission: Submission) -> tuple[str, str]:
        """The URL of the media, and its name for people. An upload is put into the bucket first."""
        if submission.source.path is None:
            return str(submission.source.url), source_name(str(submission.source.url))
        return await self._bucket().publish(submission.source.path), "upload"

    async def _create(self, submission: Submission, url: str, name: str) -> SubmitOutcome:
        manifest = videojob_manifest(submission, url, name)
        if self._backlog is not None:
            try:
                await self._backlog.check(submission.submitter)
            except QueueFullError as full:
                return await self._submit_to_full_queue(full, submission, url, manifest)
        try:
            await self._client.create(manifest, url)
        except AlreadyExistsError:
            existing = await self._client.read(videojob_name(submission.job_id))
            if existing.metadata.deletion_timestamp is not None:
                raise  # retried until the name is free
            return await self._submit_again(existing, submission, url, manifest)
        return SubmitOutcome.CREATED

    async def _submit_to_full_queue(
        self, full: QueueFullError, submission: Submission, url: str, manifest: Manifest
    ) -> SubmitOutcome:
        """What is known already gets its answer. Raises `full` for a job that would wait."""
        try:
            existing = await self._client.read(videojob_name(submission.job_id))
        except NotFoundError:
            raise full from None
        if state_of(existing).may_run_again:
            raise full
        return await self._submit_again(existing, submission, url, manifest)

    async def _submit_again(
        self, videojob: VideoJob, submission: Submission, url: str, manifest: Manifest
    ) -> SubmitOutcome:
        same = videojob.spec.request_digest == submission.body_key and videojob.spec.job_id == submission.job_id
        match state_of(videojob):
            case JobState.QUEUED | JobState.RUNNING if same:
                await self._client.store_source(videojob, url)
                return SubmitOutcome.SAME
            case JobState.COMPLETED if same:
                await self._deliver_again(videojob)
                return SubmitOutcome.REDELIVERED
            case JobState.FAILED | JobState.CANCELLED if videojob.spec.job_id == submission.job_id:
                await self._run_again(videojob, url, manifest)
                return SubmitOutcome.RERUN
        return SubmitOutcome.CONFLICT

    async def _run_again(self, videojob: VideoJob, url: str, manifest: Manifest) -> None:
        """The same body, perhaps with a new signature, in the same VideoJob; another body in a new one."""
        if can_run_again(videojob, manifest):
            await self._client.store_source(videojob, url)
            await self._client.patch(videojob, run=videojob.spec.run + 1)
        else:
            await self._client.delete(videojob, version=videojob.metadata.resource_version)
            await self._client.create(manifest, url)

    async def _deliver_again(self, videojob: VideoJob) -> None:
        """Ask the operator for one more delivery, once until it has begun that one."""
        if not awaits_redelivery(videojob):
            await self._client.patch(videojob, redelivery=videojob.spec.redelivery + 1)
