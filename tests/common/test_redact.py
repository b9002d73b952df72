"""No query string, user name or password is left of a URL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_common.redact import redact_text, redact_url

SECRET = "canary"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:canary@media.example:8443/a/b.mp4?sig=canary#canary", "https://media.example:8443/a/b.mp4"),
        ("s3://bucket/key.mp4?versionId=canary", "s3://bucket/key.mp4"),
        ("http://user:can/canary@media.example/a", "media.example/a"),
        ("http://[::1/x?canary", "http://[::1/x"),
        ("user:canary@media.example/a", "media.example/a"),
        ("//user:canary@media.example/a?x=canary", "media.example/a"),
        ("/only/a/path?token=canary", "/only/a/path"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_credentials(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://u:canary@h/x?s=canary (url: 'http://h/y?z=canary')", "GET https://h/x (url: 'http://h/y')"),
        ("url: /b/k?X-Amz-Signature=canary (refused)", "url: /b/k (refused)"),
        ("why? because", "why? because"),
    ],
)
def test_a_text_keeps_its_words_and_loses_its_credentials(text: str, shown: str) -> None:
    assert redact_text(text) == shown


@given(st.text())
def test_whatever_the_input_is_nothing_is_raised(text: str) -> None:
    for scheme in ("", "http://", "//", "s3:"):
        assert "?" not in redact_url(scheme + text)
    redact_text(text)


@given(path=st.text("abc/@:%é", max_size=20), query=st.text("ab&=?#/ ", max_size=20))
def test_no_query_survives_in_any_url(path: str, query: str) -> None:
    assert SECRET not in redact_url(f"https://user:{SECRET}@host/{path}?{query}{SECRET}")
    assert SECRET not in redact_text(f"error at https://user:{SECRET}@host/{path}?a={SECRET}, retrying")
