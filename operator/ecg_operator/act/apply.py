"""Carries out a plan: one status write, over the version that was decided on, then the actions it announced."""

from dataclasses import dataclass

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import AlreadyExistsError, ClusterError, ConflictError, NotFoundError
from ecg_common.logs import JobLogger, job_logger
from ecg_contract.videojob.names import is_on_standby_job
from ecg_contract.videojob.resource import VideoJob
from ecg_operator.act.clean_up import CleanUp
from ecg_operator.act.deletion import delete_if_present
from ecg_operator.act.events import EventRecorder
from ecg_operator.act.manifests import job_manifest
from ecg_operator.act.outdated import OutdatedError
from ecg_operator.act.pod_config import PodConfig
from ecg_operator.act.standby_taker import StandbyTaker
from ecg_operator.act.status_writer import StatusWriter
from ecg_operator.act.upload_signer import UploadSigner
from ecg_operator.decide.plan import Plan
from ecg_operator.observe.cache import Cache
from ecg_operator.observe.snapshot import Refusal, observed_job
from ecg_operator.settings import OperatorSettings

_REFUSALS = (400, 403, 422)
"""HTTP statuses with which the API server refuses a Job for what it is, or for a quota."""


class ForeignJobError(Exception):
    """Another object's Job has the name of this VideoJob's."""


@dataclass(frozen=True)
class Applier:
    """Writes to the API server what a plan says."""

    cluster: Cluster
    settings: OperatorSettings
    config: PodConfig
    cache: Cache
    writer: StatusWriter
    events: EventRecorder
    clean_up: CleanUp
    uploads: UploadSigner | None
    standby: StandbyTaker

    async def apply(self, videojob: VideoJob, plan: Plan) -> VideoJob:
        """The VideoJob with the plan's status.

        Raises OutdatedError, and ClusterError for what should be tried again.
        """
        if (job := _new_standby_job(videojob, plan)) is None:
            return await self._apply(videojob, plan)
        with self.cache.standby.taking(job) as may_take:
            if not may_take:
                raise OutdatedError
            if not await self.standby.source.is_there(videojob):
                self.cache.standby.begins_cold(videojob.metadata.uid)
                raise OutdatedError
            return await self._apply(videojob, plan)

    async def _apply(self, videojob: VideoJob, plan: Plan) -> VideoJob:
        await self._write_status(videojob, plan)
        videojob = videojob.model_copy(update={"status": plan.status})
        for job in plan.delete_jobs:
            await delete_if_present(self.cluster, paths.jobs(self.settings.namespace, job.name), job.uid)
            await self.standby.source.remove(videojob, job.name)
        if plan.create_job:
            await self._start(videojob)
        if plan.clean_up:
            await self.clean_up.run(videojob)
        for note in (note for note in plan.notes if note.is_event):
            await self.events.record(videojob, note)
        if plan.delete_videojob:
            await self._delete_videojob(videojob)
        return videojob

    async def _write_status(self, videojob: VideoJob, plan: Plan) -> None:
        """Write what differs; where nothing does, an action still needs the version that the server has."""
        name = videojob.metadata.name
        if plan.status_may_wait:
            return
        if plan.status != videojob.status:
            try:
                await self.writer.write(videojob, plan.status)
            except (ConflictError, NotFoundError) as error:
                await self.writer.read(name)
                raise OutdatedError from error
        elif plan.acts:
            live = await self.writer.read(name)
            if live is None or live.metadata.resource_version != videojob.metadata.resource_version:
                raise OutdatedError

    async def _start(self, videojob: VideoJob) -> None:
        """Have the attempt's pod begin: the standby pod that the attempt names, or one of a new Job."""
        location = self.uploads.location(videojob) if self.uploads else None
        if self.uploads is not None:
            await self.uploads.sign(videojob)
        if is_on_standby_job(videojob.status.attempt):
            await self.standby.take(videojob, location)
        else:
            await self._create_job(videojob, location)

    async def _create_job(self, videojob: VideoJob, location: str | None) -> None:
        manifest = job_manifest(videojob, self.settings, self.config, location)
        try:
            job = await self.cluster.create(paths.jobs(self.settings.namespace), manifest)
        except AlreadyExistsError:
            await self._adopt(videojob, manifest["metadata"]["name"])
        except ClusterError as error:
            self._refused(videojob, error)
            raise
        else:
            self.cache.jobs.put(job)
            self.cache.refuse_job(videojob.metadata.name, None)
            self._log(videojob).info("job_created", extra={"job": manifest["metadata"]["name"]})

    async def _adopt(self, videojob: VideoJob, name: str) -> None:
        """Go on with this VideoJob's own Job, created before a crash. Raises ForeignJobError for another's."""
        job = await self.cluster.get(paths.jobs(self.settings.namespace, name))
        if observed_job(job).owner_uid != videojob.metadata.uid:
            self.cache.refuse_job(videojob.metadata.name, Refusal(f"the Job {name} belongs to another object"))
            raise ForeignJobError(name)
        self.cache.jobs.put(job)
        self._log(videojob).info("job_adopted", extra={"job": name})

    def _refused(self, videojob: VideoJob, error: ClusterError) -> None:
        """Show a refusal that a repetition will not change; an API server that is away says nothing about the Job."""
        if error.status in _REFUSALS:
            self.cache.refuse_job(videojob.metadata.name, Refusal(error.message))

    async def _delete_videojob(self, videojob: VideoJob) -> None:
        path = paths.videojobs(self.settings.namespace, videojob.metadata.name)
        await delete_if_present(self.cluster, path, videojob.metadata.uid)
        self._log(videojob).info("videojob_expired")

    def _log(self, videojob: VideoJob) -> JobLogger:
        return job_logger(__name__, videojob.spec.job_id, videojob.spec.traceparent)


def _new_standby_job(videojob: VideoJob, plan: Plan) -> str | None:
    """The standby Job that the plan's status takes and the present one does not."""
    before, after = videojob.status.attempt, plan.status.attempt
    if after is None or not is_on_standby_job(after) or (before and before.job_name == after.job_name):
        return None
    return after.job_name
