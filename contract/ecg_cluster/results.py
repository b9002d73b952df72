"""Reads stored results from an attempt's ConfigMaps, or from the bucket."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import ClusterError
from ecg_cluster.result_chunks import CHUNK_KEY, ConfigMapLocation, unpacked
from ecg_contract.host_protocol import ResultReference

_PIECE = 1024 * 1024


class ResultUnreadableError(OSError):
    """The stored result cannot be fetched."""


class ClusterResults:
    """A `ResultSource`; it reads only from where an attempt may write."""

    def __init__(self, cluster: Cluster, namespace: str, s3: Any = None, bucket: str | None = None) -> None:
        """`s3` is boto3's client."""
        self._cluster, self._namespace, self._s3, self._bucket = cluster, namespace, s3, bucket

    async def chunks(self, result: ResultReference) -> AsyncIterator[bytes]:
        """Raises OSError where the result cannot be read."""
        location = ConfigMapLocation.parse(result.location)
        if location is not None:
            source = unpacked(self._config_maps(location), result.bytes, result.sha256)
        elif self._bucket is not None and result.location.startswith(f"s3://{self._bucket}/"):
            source = self._object(result.location)
        else:
            raise ResultUnreadableError("the result is stored where this installation does not look")
        async for piece in source:
            yield piece

    async def _config_maps(self, location: ConfigMapLocation) -> AsyncIterator[bytes]:
        for name in location.names:
            try:
                manifest = await self._cluster.get(paths.core(self._namespace, "configmaps", name))
                yield base64.b64decode(manifest["binaryData"][CHUNK_KEY])
            except (ClusterError, KeyError, ValueError) as error:
                raise ResultUnreadableError(f"the result's ConfigMap {name} cannot be read: {error}") from error

    async def _object(self, location: str) -> AsyncIterator[bytes]:
        place = urlsplit(location)
        try:
            answer = await asyncio.to_thread(self._s3.get_object, Bucket=place.netloc, Key=place.path.lstrip("/"))
            body = answer["Body"]
            try:
                while piece := await asyncio.to_thread(body.read, _PIECE):
                    yield piece
            finally:
                body.close()
        except (BotoCoreError, ClientError) as error:
            raise ResultUnreadableError(f"the result in the bucket cannot be read ({type(error).__name__})") from error
