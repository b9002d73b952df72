"""Moves uploads to the S3 bucket, from which the pipeline downloads them by a signed URL."""

import asyncio
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from ecg_api.errors import StoreUnavailableError
from ecg_api.ports import UploadSlot
from ecg_cluster.s3 import signed_url

_ERRORS = (BotoCoreError, ClientError, S3UploadFailedError)


class BucketUploads:
    """Stores objects below `<prefix>uploads/`; the bucket's lifecycle rule removes them."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        """`client` is boto3's S3 client."""
        self._client, self._bucket, self._prefix = client, bucket, prefix
        self._folder = TemporaryDirectory(prefix="ecg-uploads-")

    def slot(self, name: str) -> UploadSlot:
        return UploadSlot(Path(self._folder.name) / uuid.uuid4().hex, name)

    async def publish(self, path: Path) -> str:
        """Move the file to the bucket; returns a signed URL of it. Raises StoreUnavailableError."""
        key = f"{self._prefix}uploads/{path.name}"
        try:
            await asyncio.to_thread(self._client.upload_file, str(path), self._bucket, key)
            return await signed_url(self._client, "get_object", Bucket=self._bucket, Key=key)
        except _ERRORS as error:
            reason = f"the upload could not be put into the bucket ({type(error).__name__})"
            raise StoreUnavailableError(reason) from error
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)
