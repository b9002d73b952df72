"""S3 as the front door and the operator reach it."""

import os
from typing import Any

import boto3
from botocore.config import Config

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
