"""Upload URLs for results: a pod may write its own key in the bucket, and needs no role for it."""

import asyncio
from typing import Any, Protocol

from ecg_contract.videojob import VideoJob

_EXPIRES_S = 7 * 24 * 3600
"""The longest that S3 allows; temporary credentials of the operator's own end it earlier."""


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
        parameters = {"Bucket": self._bucket, "Key": self._key(videojob), "ContentType": "application/json"}
        return str(
            await asyncio.to_thread(
                self._client.generate_presigned_url, "put_object", Params=parameters, ExpiresIn=_EXPIRES_S
            )
        )

    def _key(self, videojob: VideoJob) -> str:
        metadata, attempt = videojob.metadata, videojob.status.attempt
        number = attempt.number if attempt else 0
        return f"{self._prefix}results/{metadata.namespace}/{metadata.uid}/a{number}.json"
