"""Upload URLs for results: a pod may write its own key in the bucket, and needs no role for it."""

from typing import Any, Protocol

from ecg_cluster.s3 import signed_url
from ecg_contract.videojob.resource import VideoJob


class Presigner(Protocol):
    """Where results go when there is a bucket."""

    def location(self, videojob: VideoJob) -> str:
        """`s3://bucket/key` of the current attempt's result."""

    async def put_url(self, videojob: VideoJob) -> str:
        """A URL that stores the current attempt's result by PUT; a credential."""


class S3Presigner:
    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        """`client` is boto3's S3 client."""
        self._client, self._bucket, self._prefix = client, bucket, prefix

    def location(self, videojob: VideoJob) -> str:
        return f"s3://{self._bucket}/{self._key(videojob)}"

    async def put_url(self, videojob: VideoJob) -> str:
        place = {"Bucket": self._bucket, "Key": self._key(videojob)}
        return await signed_url(self._client, "put_object", **place, ContentType="application/json")

    def _key(self, videojob: VideoJob) -> str:
        metadata, attempt = videojob.metadata, videojob.status.attempt
        number = attempt.number if attempt else 0
        return f"{self._prefix}results/{metadata.namespace}/{metadata.uid}/a{number}.json"
