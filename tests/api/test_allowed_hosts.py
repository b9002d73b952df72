"""Under which names the server may be addressed."""

import httpx
import pytest
from fastapi import FastAPI

from ecg_api.http.allowed_hosts import AllowedHosts, allowed_names

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@pytest.mark.parametrize(
    ("configured", "listens_on", "names"),
    [
        ((), "127.0.0.1", LOOPBACK),
        ((), "localhost", LOOPBACK),
        ((), "::1", LOOPBACK),
        ((), "0.0.0.0", None),
        ((), "10.0.0.7", None),
        (("Media.Example",), "127.0.0.1", frozenset({"media.example"})),
        (("*",), "127.0.0.1", None),
    ],
)
def test_a_server_on_loopback_takes_loopback_names_unless_told_otherwise(
    configured: tuple[str, ...], listens_on: str, names: frozenset[str] | None
) -> None:
    assert allowed_names(configured, listens_on) == names


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 404),
        ("localhost:8001", 404),
        ("LOCALHOST:8001", 404),
        ("127.0.0.1:8001", 404),
        ("[::1]:8001", 404),
        ("[::1]", 404),
        ("rebound.example", 400),
        ("rebound.example:8001", 400),
        ("localhost.rebound.example", 400),
        ("127.0.0.1.rebound.example:8001", 400),
        ("", 400),
        ("[::1", 404),
        ("[fd00::1]:8001", 400),
    ],
)
async def test_a_page_whose_name_was_pointed_here_is_refused(host: str, status: int) -> None:
    app = FastAPI()
    app.add_middleware(AllowedHosts, names=LOOPBACK)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        answer = await client.get("/", headers={"host": host})
    assert answer.status_code == status
    if status == 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert "rebound" not in answer.text
