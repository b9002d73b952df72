"""The S3 client of the front door and the operator."""

import asyncio
import os
from functools import partial
from typing import Any

import boto3
from botocore.config import Config

_EXPIRES_S = 7 * 24 * 3600
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


def s3_client() -> Any:
    """boto3's client, with timeouts shorter than its callers'.

    For Amazon's S3 it signs URLs for `<bucket>.s3.<region>.amazonaws.com`: boto3's default host has no region, is
    redirected, and the redirected signature is refused.
    """
    elsewhere = any(os.environ.get(name) for name in _ENDPOINTS)
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "auto" if elsewhere else "virtual"},
        connect_timeout=5,
        read_timeout=20,
        retries={"mode": "standard", "max_attempts": 3},
    )
    return boto3.client("s3", config=config)


async def signed_url(client: Any, method: str, **parameters: str) -> str:
    """A presigned URL for `method` (get_object, put_object), valid for seven days, the longest that S3 allows.

    Temporary credentials end it earlier. Raises botocore's errors.
    """
    sign = partial(client.generate_presigned_url, method, Params=parameters, ExpiresIn=_EXPIRES_S)
    return str(await asyncio.to_thread(sign))
