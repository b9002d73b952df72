"""Carries out a plan: one status write, over the version that was decided on, then the actions it announced."""

import contextlib
from dataclasses import dataclass

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import AlreadyExistsError, ConflictError, NotFoundError
from ecg_common.logs import JobLogger, job_logger
from ecg_contract.videojob.names import ATTEMPT_LABEL, VIDEOJOB_UID_LABEL, result_secret_name, source_secret_name
from ecg_contract.videojob.resource import VideoJob
from ecg_operator.act.events import Story
from ecg_operator.act.manifests import JobParts, job_manifest, result_secret_manifest
from ecg_operator.act.pod_config import PodConfig
from ecg_operator.act.presign import Presigner
from ecg_operator.act.status_writer import StatusWriter
from ecg_operator.decide.plan import Plan
from ecg_operator.observe.snapshot import ObservedJob, observed_job
from ecg_operator.settings import OperatorSettings


class OutdatedError(Exception):
    """The VideoJob has changed since the plan was made: make it anew."""


@dataclass(frozen=True)
class Applier:
    """What carrying out takes."""

    cluster: Cluster
    settings: OperatorSettings
    config: PodConfig
    writer: StatusWriter
    story: Story
    presigner: Presigner | None = None

    async def apply(self, videojob: VideoJob, plan: Plan, *, write: bool) -> None:
        """`write`: the status is to be written where it differs.

        Raises OutdatedError, and ClusterError for what should be tried again.
        """
        videojob = await self._announced(videojob, plan, write=write)
        for job in plan.delete_jobs:
            await self._delete_job(job)
        if plan.create_job:
            await self._create_job(videojob)
        if plan.clean_up:
            await self._clean_up(videojob)
        for note in plan.notes:
            await self.story.tell(videojob, note)
        if plan.delete_videojob:
            await self._delete_videojob(videojob)

    async def _announced(self, videojob: VideoJob, plan: Plan, *, write: bool) -> VideoJob:
        """The VideoJob as it is once the intent is recorded, or as it was seen to be at this moment."""
        try:
            if write:
                return await self.writer.write(videojob, plan.status)
        except (ConflictError, NotFoundError) as error:
            await self.writer.read(videojob.metadata.name)
            raise OutdatedError from error
        if plan.acts:
            live = await self.writer.read(videojob.metadata.name)
            if live is None or live.metadata.resource_version != videojob.metadata.resource_version:
                raise OutdatedError
        return videojob

    async def _create_job(self, videojob: VideoJob) -> None:
        location = None
        if self.presigner is not None:
            location = self.presigner.location(videojob)
            await self.renew_upload(videojob)
        manifest = job_manifest(videojob, JobParts(self.settings, self.config, location))
        try:
            await self.cluster.create(paths.jobs(self.settings.namespace), manifest)
        except AlreadyExistsError:
            await self._adopt(videojob, manifest["metadata"]["name"])
        else:
            self._log(videojob).info("job_created", extra={"job": manifest["metadata"]["name"]})

    async def _adopt(self, videojob: VideoJob, name: str) -> None:
        """A Job of this name that is this VideoJob's own was created before a crash; another's has to go first."""
        found = observed_job(await self.cluster.get(paths.jobs(self.settings.namespace, name)))
        if found.owner_uid != videojob.metadata.uid:
            raise OutdatedError
        self._log(videojob).info("job_adopted", extra={"job": name})

    async def renew_upload(self, videojob: VideoJob) -> None:
        """Sign the upload URL, or sign it anew: it dies with the operator's own temporary credentials."""
        if self.presigner is None:
            return
        secrets = paths.core(self.settings.namespace, "secrets")
        manifest = result_secret_manifest(videojob, await self.presigner.put_url(videojob))
        try:
            await self.cluster.create(secrets, manifest)
        except AlreadyExistsError:
            await self.cluster.patch(
                f"{secrets}/{manifest['metadata']['name']}", {"stringData": manifest["stringData"]}
            )

    async def _delete_job(self, job: ObservedJob) -> None:
        await self._delete(paths.jobs(self.settings.namespace, job.name), uid=job.uid)

    async def _delete_videojob(self, videojob: VideoJob) -> None:
        name = videojob.metadata.name
        await self._delete(paths.videojobs(self.settings.namespace, name), uid=videojob.metadata.uid)
        self._log(videojob).info("videojob_expired")

    async def _clean_up(self, videojob: VideoJob) -> None:
        """Credentials that nobody needs any more, and results of attempts that were not the last."""
        namespace, status = self.settings.namespace, videojob.status
        if videojob.spec.source.secret_ref is not None and status.has_succeeded:
            await self._delete(paths.core(namespace, "secrets", source_secret_name(videojob.metadata.name)))
        if status.attempt is not None and self.presigner is not None:
            await self._delete(paths.core(namespace, "secrets", result_secret_name(status.attempt.job_name)))
        if status.attempt is not None and (status.attempt.number > 1 or status.error is not None):
            await self._delete_other_chunks(videojob)

    async def _delete_other_chunks(self, videojob: VideoJob) -> None:
        """Result ConfigMaps that the accepted report does not speak of."""
        chunks = paths.core(self.settings.namespace, "configmaps")
        selector = f"{VIDEOJOB_UID_LABEL}={videojob.metadata.uid}"
        found, _ = await self.cluster.list(chunks, selector=selector, metadata_only=True)
        kept = str(videojob.status.attempt.number) if videojob.status.attempt and not videojob.status.error else None
        for chunk in found:
            if chunk["metadata"].get("labels", {}).get(ATTEMPT_LABEL) != kept:
                await self._delete(f"{chunks}/{chunk['metadata']['name']}")

    async def _delete(self, path: str, uid: str | None = None) -> None:
        with contextlib.suppress(NotFoundError, ConflictError):  # it is gone, or another of the same name has come
            await self.cluster.delete(path, uid=uid)

    def _log(self, videojob: VideoJob) -> JobLogger:
        return job_logger(__name__, videojob.spec.job_id)
