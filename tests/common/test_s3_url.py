"""Which URLs name an object in S3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_common.s3_url import S3Object, parse_s3_url


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("s3://videos/a/b.mp4", S3Object("videos", "a/b.mp4")),
        ("s3://videos/a%20b+c.mp4?versionId=v1", S3Object("videos", "a b+c.mp4", version_id="v1")),
        ("https://s3.amazonaws.com/videos/a/b.mp4", S3Object("videos", "a/b.mp4")),
        ("https://s3.eu-west-1.amazonaws.com/videos/a.mp4", S3Object("videos", "a.mp4", "eu-west-1")),
        ("https://s3-eu-west-1.amazonaws.com/videos/a.mp4", S3Object("videos", "a.mp4", "eu-west-1")),
        ("https://s3-external-1.amazonaws.com/videos/a.mp4", S3Object("videos", "a.mp4", "us-east-1")),
        ("https://videos.s3.amazonaws.com/a/b.mp4", S3Object("videos", "a/b.mp4")),
        ("https://videos.s3.ap-northeast-2.amazonaws.com/a.mp4", S3Object("videos", "a.mp4", "ap-northeast-2")),
        ("https://videos.s3-eu-west-1.amazonaws.com/a.mp4", S3Object("videos", "a.mp4", "eu-west-1")),
        ("https://my.videos.s3.eu-west-1.amazonaws.com/a.mp4", S3Object("my.videos", "a.mp4", "eu-west-1")),
        ("https://videos.s3.dualstack.us-east-2.amazonaws.com/a.mp4", S3Object("videos", "a.mp4", "us-east-2")),
        ("https://s3.dualstack.us-east-2.amazonaws.com/videos/a.mp4", S3Object("videos", "a.mp4", "us-east-2")),
        ("https://videos.s3.cn-north-1.amazonaws.com.cn/a.mp4", S3Object("videos", "a.mp4", "cn-north-1")),
        ("https://s3.us-gov-west-1.amazonaws.com/videos/a.mp4", S3Object("videos", "a.mp4", "us-gov-west-1")),
        ("https://videos.s3-accelerate.amazonaws.com/a.mp4", S3Object("videos", "a.mp4")),
        ("https://VIDEOS.S3.amazonaws.com:443/a.mp4#t=10", S3Object("videos", "a.mp4")),
        ("https://videos.s3.amazonaws.com/%ED%95%9C.mp4?versionId=v1", S3Object("videos", "한.mp4", version_id="v1")),
    ],
)
def test_every_style_is_understood(url: str, found: S3Object) -> None:
    assert parse_s3_url(url) == found


@pytest.mark.parametrize(
    "url",
    [
        "https://videos.s3.amazonaws.com/a.mp4?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=x",
        "https://videos.s3.amazonaws.com/a.mp4?AWSAccessKeyId=x&Signature=x&Expires=1",
        "https://videos.s3.amazonaws.com/a.mp4?response-content-type=video/mp4",
        "https://videos.s3.amazonaws.com:8443/a.mp4",
        "https://user:pass@videos.s3.amazonaws.com/a.mp4",
        "https://videos.s3.amazonaws.com/",
        "https://s3.amazonaws.com/videos/",
        "https://s3.amazonaws.com/videos",
        "https://s3-website-us-east-1.amazonaws.com/videos/a.mp4",
        "https://videos.s3.amazonaws.com.evil.example/a.mp4",
        "https://evil-s3.amazonaws.com.example/a.mp4",
        "https://ec2.us-east-1.amazonaws.com/a",
        "https://d1234.cloudfront.net/a.mp4",
        "https://storage.googleapis.com/videos/a.mp4",
        "s3://videos",
        "s3://videos/",
        "s3:///a.mp4",
        "s3://../a.mp4",
        "file:///a.mp4",
        "http://[broken",
        "",
    ],
)
def test_what_is_signed_or_no_object_is_left_to_http(url: str) -> None:
    assert parse_s3_url(url) is None


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    for start in ("", "s3://", "https://s3.amazonaws.com/", "https://b.s3.amazonaws.com/"):
        parse_s3_url(start + text)
