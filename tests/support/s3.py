"""A fake S3 (moto) with the bucket `results`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

BUCKET = "results"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The endpoint's URL."""
    with serving() as endpoint:
        yield endpoint


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[str]:
    """The URL of a new server's endpoint."""
    server = ThreadedMotoServer(ip_address=host, port=0, verbose=False)
    server.start()
    endpoint = f"http://{host}:{server.get_host_and_port()[1]}"
    client(endpoint).create_bucket(Bucket=BUCKET)
    yield endpoint
    server.stop()


def client(endpoint: str) -> Any:
    session = boto3.Session("AKIAEXAMPLE", "canary-key", region_name="us-east-1")
    return session.client("s3", endpoint_url=endpoint)


def environment(endpoint: str) -> dict[str, str]:
    """The variables that boto3 reads."""
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "canary-key"}
    return {**keys, "AWS_ENDPOINT_URL_S3": endpoint, "AWS_DEFAULT_REGION": "us-east-1"}


def chart_values(endpoint: str) -> dict[str, Any]:
    """Values of a release that keeps its results there."""
    variables = {n: v for n, v in environment(endpoint).items() if n.startswith("AWS_") and "ENDPOINT" not in n}
    return {
        "s3": {"bucket": BUCKET, "endpoint": endpoint, "region": "us-east-1"},
        **{component: {"env": variables} for component in ("api", "operator", "pipeline")},
    }
