"""CORS allows exactly the specified origins; health has exactly the specified keys."""

from datetime import datetime

import httpx
import pytest

from ecg_api.settings import Settings
from support.fake_store import FakeStore

SPECIFIED = [
    "http://localhost:3000",
    "http://localhost:8000",
    "http://ecg-project-pipeline-dev-alb-1703405864.us-east-1.elb.amazonaws.com",
]


def test_the_origins_are_the_specified_three() -> None:
    assert list(Settings().cors_origins) == SPECIFIED


@pytest.mark.parametrize("origin", SPECIFIED)
async def test_a_specified_origin_may_call(client: httpx.AsyncClient, origin: str) -> None:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    preflight = await client.options("/transcribe", headers=headers)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == origin
    assert (await client.get("/health", headers={"Origin": origin})).headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:3001", "https://localhost:3000", "http://evil.example", "null", "http://localhost:3000.evil"],
)
async def test_another_origin_may_not(client: httpx.AsyncClient, origin: str) -> None:
    for path in ("/health", "/jobs/nobody"):
        answer = await client.get(path, headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers


async def test_an_error_is_readable_for_a_specified_origin(client: httpx.AsyncClient) -> None:
    answer = await client.get("/jobs/nobody", headers={"Origin": SPECIFIED[0]})
    assert answer.headers["access-control-allow-origin"] == SPECIFIED[0]


def test_origins_come_comma_separated_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example, https://b.example,")
    assert Settings().cors_origins == ("https://a.example", "https://b.example")


async def test_health_has_exactly_the_specified_keys(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/health")).json()
    assert answer.keys() == {"status", "timestamp"}
    assert answer["status"] == "healthy"
    datetime.strptime(answer["timestamp"], "%Y-%m-%dT%H:%M:%SZ")


async def test_readiness_says_what_is_missing(client: httpx.AsyncClient, store: FakeStore) -> None:
    assert (await client.get("/health/ready")).status_code == 200
    store.missing_parts = ("the pipeline process is starting",)
    answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "missing": ["the pipeline process is starting"]}
    assert (await client.get("/health/live")).status_code == 200
