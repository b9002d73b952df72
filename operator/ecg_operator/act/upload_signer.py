"""Signed upload URLs for results: a pod may write the one S3 key of its attempt, and needs no AWS role for it.

A URL expires with the temporary credentials that signed it, so it is signed again while its attempt is at work. When
that was is kept in memory only: an operator that starts signs once more.
"""

from datetime import datetime, timedelta
from typing import Any

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import AlreadyExistsError
from ecg_cluster.s3 import signed_url
from ecg_common.clock import Clock
from ecg_contract.videojob.resource import VideoJob
from ecg_operator.act.manifests import result_secret_manifest
from ecg_operator.settings import OperatorSettings

RENEWAL_INTERVAL = timedelta(minutes=10)


class UploadSigner:
    """Owns when the URL of each VideoJob's current attempt was signed. `s3` is boto3's client."""

    def __init__(self, cluster: Cluster, settings: OperatorSettings, s3: Any, clock: Clock) -> None:
        self._cluster, self._s3, self._clock = cluster, s3, clock
        self._secrets = paths.core(settings.namespace, "secrets")
        self._bucket, self._prefix = settings.results_bucket or "", settings.results_prefix
        self._signed: dict[str, tuple[int, datetime]] = {}
        """By the VideoJob's name: the attempt's number, and when its URL was signed."""

    def location(self, videojob: VideoJob) -> str:
        """`s3://bucket/key` of the current attempt's result."""
        return f"s3://{self._bucket}/{self._key(videojob)}"

    async def sign(self, videojob: VideoJob) -> None:
        """Write a new URL to the current attempt's Secret. Raises ClusterError."""
        attempt, now = videojob.status.attempt, self._clock()
        assert attempt is not None
        target = {"Bucket": self._bucket, "Key": self._key(videojob)}
        url = await signed_url(self._s3, "put_object", **target, ContentType="application/json")
        manifest = result_secret_manifest(videojob, url)
        try:
            await self._cluster.create(self._secrets, manifest)
        except AlreadyExistsError:
            await self._cluster.replace(f"{self._secrets}/{manifest['metadata']['name']}", manifest)
        self._signed[videojob.metadata.name] = (attempt.number, now)

    async def renew(self, videojob: VideoJob) -> float | None:
        """Sign again when it is time; seconds until the next time, None when no attempt is at work."""
        status, now = videojob.status, self._clock()
        if status.attempt is None or status.completion_time is not None:
            return None
        number, signed_at = self._signed.get(videojob.metadata.name, (0, now))
        if number != status.attempt.number or now >= signed_at + RENEWAL_INTERVAL:
            await self.sign(videojob)
            signed_at = now
        return (signed_at + RENEWAL_INTERVAL - now).total_seconds()

    def forget(self, name: str) -> None:
        self._signed.pop(name, None)

    def _key(self, videojob: VideoJob) -> str:
        metadata, attempt = videojob.metadata, videojob.status.attempt
        number = attempt.number if attempt else 0
        return f"{self._prefix}results/{metadata.namespace}/{metadata.uid}/a{number}.json"
