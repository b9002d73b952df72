"""URLs that are signed for S3: for the host that answers them."""

from urllib.parse import urlsplit

import pytest

from ecg_cluster.s3 import s3_client

PARAMETERS = {"Bucket": "my-bucket", "Key": "uploads/1"}


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")


def host_of(verb: str) -> str:
    return urlsplit(str(s3_client().generate_presigned_url(verb, Params=PARAMETERS))).netloc


@pytest.mark.parametrize("region", ["us-east-1", "ap-northeast-2"])
@pytest.mark.parametrize("verb", ["get_object", "put_object"])
def test_amazons_is_named_with_the_buckets_region(monkeypatch: pytest.MonkeyPatch, region: str, verb: str) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    wanted = "my-bucket.s3.amazonaws.com" if region == "us-east-1" else f"my-bucket.s3.{region}.amazonaws.com"
    assert host_of(verb) == wanted


def test_another_s3_needs_no_name_for_each_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://minio.internal:9000")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert host_of("get_object") == "minio.internal:9000"
