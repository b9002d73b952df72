"""S3 as the front door and the operator reach it."""

import asyncio
import os
from functools import partial
from typing import Any

import boto3
from botocore.config import Config

_EXPIRES_S = 7 * 24 * 3600
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


def s3_client() -> Any:
    """boto3's client. It gives up on a silent S3 while somebody still waits for the answer.

    Amazon's own is asked by `<bucket>.s3.<region>.amazonaws.com`: a URL that is signed for the name without the region,
    which is boto3's own choice, is redirected, and a redirected signature is refused.
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
    """A URL by which whoever has it may call `method` (get_object, put_object), for as long as S3 allows: seven days.

    It dies earlier with credentials that are temporary. Raises botocore's errors.
    """
    sign = partial(client.generate_presigned_url, method, Params=parameters, ExpiresIn=_EXPIRES_S)
    return str(await asyncio.to_thread(sign))
