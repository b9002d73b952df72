"""The API's metrics: requests by route, and what became of submitted jobs."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry

from ecg_api.http.app import create_app
from ecg_api.settings import Settings
from support.fake_store import FakeStore
from support.host_contract import PATH, body


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(create_app(Settings(), FakeStore(tmp_path)), base_url="http://127.0.0.1")


def registry(client: TestClient) -> CollectorRegistry:
    found: CollectorRegistry = client.app.state.context.metrics.registry  # type: ignore[attr-defined]  # FastAPI's
    return found


def counted(client: TestClient, method: str, route: str, status: int) -> float | None:
    labels = {"method": method, "route": route, "status": str(status)}
    return registry(client).get_sample_value("ecg_http_request_seconds_count", labels)


def test_a_request_is_counted_by_the_template_of_its_route(client: TestClient) -> None:
    client.post(PATH, json=body("job-1"))
    client.get("/jobs/job-1")
    client.get("/jobs/unknown")
    client.head("/health/live")
    assert counted(client, "POST", PATH, 200) == 1
    assert counted(client, "GET", "/jobs/{job_id}", 200) == 1
    assert counted(client, "GET", "/jobs/{job_id}", 404) == 1
    assert counted(client, "HEAD", "/health/live", 200) == 1


def test_what_anybody_may_invent_makes_no_series(client: TestClient) -> None:
    for number in range(3):
        client.request(f"INVENTED{number}", f"/nothing/{number}")
    samples = [sample.labels for metric in registry(client).collect() for sample in metric.samples]
    assert {labels["route"] for labels in samples if "route" in labels} == {"none"}
    assert {labels["method"] for labels in samples if "method" in labels} == {"other"}


def test_submissions_are_counted_by_what_became_of_them(client: TestClient) -> None:
    client.post(PATH, json=body("job-1"))
    client.post(PATH, json=body("job-1"))
    client.post(PATH, json=body("job-1", video_url="https://other.example/v.mp4"))

    def outcome(name: str) -> float | None:
        return registry(client).get_sample_value("ecg_jobs_submitted_total", {"kind": "video", "outcome": name})

    assert [outcome(name) for name in ("created", "same", "conflict", "queue_full")] == [1, 1, 1, 0]
