"""The syntax of source URLs, and when two requests are the same."""

import pytest

from ecg_api.errors import ProblemError
from ecg_api.jobs.sources import body_key, checked_source, source_name, unsigned


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.amazonaws.com/bucket/video.mp4",
        "HTTP://example.com:8080/a%20b.mp4?x=1#t",
        "s3://bucket/a/b.mp4",
        "https://user:secret@example.com/v.mp4",
        "https://예시.example/영상.mp4",
        "http://[2001:db8::1]/v.mp4",
    ],
)
def test_urls_that_may_be_fetched_are_taken_unchanged(url: str) -> None:
    assert checked_source("video_url", url).url == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("/etc/passwd", "local path"),
        ("clip.mp4", "local path"),
        ("C:/v.mp4", "local path"),
        ("//host/share/v.mp4", "local path"),
        ("file:///etc/passwd", "scheme"),
        ("ftp://example.com/v.mp4", "scheme"),
        ("data:video/mp4;base64,AAAA", "scheme"),
        ("concat:http://a/b|http://c/d", "scheme"),
        ("https:///v.mp4", "no host"),
        ("https:v.mp4", "no host"),
        ("s3:///key", "no object"),
        ("s3://videos", "no object"),
        ("s3://videos/", "no object"),
        ("s3://../x", "no object"),
        ("http://ｅxample.com/v.mp4", "cannot be looked up"),
        (f"http://{'a' * 64}.example/v.mp4", "cannot be looked up"),
        ("http://ex℀mple.com/v.mp4", "not a URL"),
        ("http://[::1/v.mp4", "not a URL"),
        ("http://h:99999/v.mp4", "not a URL"),
        ("http://h\r\nX: y/v.mp4", "control characters"),
        ("http://h/a b.mp4", "spaces"),
        ("http://h/a\u0085b.mp4", "control characters"),
    ],
)
def test_what_is_not_fetched_is_refused_with_what_is_allowed(url: str, reason: str) -> None:
    with pytest.raises(ProblemError, match=reason) as refusal:
        checked_source("video_url", url)
    assert refusal.value.status == 422
    assert refusal.value.detail.startswith("video_url: ")
    assert "http, https and s3" in refusal.value.detail
    assert url not in refusal.value.detail


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://h/v?X-Amz-Signature=a&versionId=3&x-amz-date=b", "https://h/v?versionId=3"),
        ("https://h/v?AWSAccessKeyId=a&Signature=b&Expires=1", "https://h/v"),
        ("https://h/v?GoogleAccessId=a&Signature=b&Expires=1&alt=media", "https://h/v?alt=media"),
        ("https://h/v?X-Goog-Signature=a", "https://h/v"),
        ("https://h/v?Key-Pair-Id=a&Policy=p&Signature=b", "https://h/v"),
        ("https://h/v?sv=1&se=2&sp=r&sig=x&snapshot=7", "https://h/v?snapshot=7"),
        ("https://h/v?x%2damz-signature=a", "https://h/v"),
    ],
)
def test_a_signature_is_no_part_of_the_body(url: str, kept: str) -> None:
    assert unsigned(url) == kept


@pytest.mark.parametrize(
    "url", ["https://h/v?Expires=1&id=2", "https://h/v?se=2&sp=3", "https://h/v", "s3://bucket/k?a"]
)
def test_parameters_that_sign_nothing_count(url: str) -> None:
    assert unsigned(url) == url


def test_equal_fields_have_equal_keys() -> None:
    assert body_key(a="x", b=1) == body_key(b=1, a="x")
    assert body_key(a="x", b=1) != body_key(a="x", b=2)


@pytest.mark.parametrize(
    ("url", "name"),
    [("https://h/a/%ED%9A%8C.mp4?x=/y", "회.mp4"), ("https://h/a/", "a"), ("https://h", "media")],
)
def test_a_source_is_named_by_the_last_part_of_its_path(url: str, name: str) -> None:
    assert source_name(url) == name
