"""Whole videos through real pods, as a backend sees them; the results are those of the standalone host."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from support import s3
from support.installed import Installed, installed
from support.media_server import MediaServer
from support.node.cluster import NodeCluster
from support.node.network import HOST_ADDRESS
from support.pipeline_process import ROOT, demo_environment
from support.receiver import Receiver
from support.server_process import ServerProcess
from support.timeline import Timeline
from support.waiting import wait_until

PATIENCE_S = 180.0
ALL_SEVEN = [*(("processing", p) for p in (10, 25, 40, 60, 75, 90)), ("completed", 100)]


@pytest.fixture(scope="module")
def release(node: NodeCluster, bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """With a bucket for results."""
    variables = {n: v for n, v in s3.environment(bucket).items() if n.startswith("AWS_") and "ENDPOINT" not in n}
    values = {
        "s3": {"bucket": s3.BUCKET, "endpoint": bucket, "region": "us-east-1"},
        **{component: {"env": variables} for component in ("api", "operator", "pipeline")},
    }
    with installed(node, "ecg-e2e", tmp_path_factory.mktemp("chart"), values) as release:
        yield release


@pytest.fixture(scope="module")
def standalone(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    environment = demo_environment(FETCH_ALLOW=HOST_ADDRESS, **s3.environment(bucket), S3_ENDPOINT_URL=bucket)
    with ServerProcess(tmp_path_factory.mktemp("server"), environment) as server:
        yield server.start()


@pytest.fixture(scope="module")
def urls(media: MediaServer, bucket: str) -> dict[str, str]:
    """English from an HTTP server, Korean from S3."""
    client = s3.client(bucket)
    client.create_bucket(Bucket="videos")
    client.upload_file(str(ROOT / "demo/samples/meeting_ko.mp4"), "videos", "meeting_ko.mp4")
    return {"en": f"{media.url}/meeting_en.mp4", "ko": "s3://videos/meeting_ko.mp4"}


def said(result: dict[str, Any]) -> list[tuple[str, float, float, str]]:
    """Every word, its times and its speaker."""
    return [
        (word["word"], word["start"], word["end"], segment["speaker"]["speaker_id"])
        for segment in result["segments"]
        for word in segment["words"]
    ]


def test_the_installed_policies_refuse_forged_writes(release: Installed) -> None:
    told = release.test()
    assert told.count("Succeeded") == 2, told


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_video_gives_what_the_standalone_host_gives(
    language: str,
    release: Installed,
    standalone: ServerProcess,
    backend: Receiver,
    urls: dict[str, str],
    figure: Callable[[str], None],
) -> None:
    job_id = f"sample-{language}"
    with Timeline(release.node, release.name, job_id) as timeline:
        release.post(job_id, urls[language], fastapi_base_url=backend.url, language=language, enable_gpu=True)
        timeline.seconds["POST answered"] = timeline.since(time.time())
        offset = time.time() - time.monotonic()
        backend.wait_for(lambda got: [r.mark for r in got if r.json["job_id"] == job_id] == ALL_SEVEN, PATIENCE_S)
    received = backend.of(job_id)
    timeline.seconds["first callback"] = timeline.since(received[0].time + offset)
    timeline.seconds["last callback"] = timeline.since(received[-1].time + offset)
    timeline.seconds["models ready"] = timeline.since(models_ready(release))
    for name, seconds in sorted(timeline.seconds.items(), key=lambda entry: entry[1]):
        figure(f"{job_id}: {seconds:6.2f} s  {name}")

    standalone.post(job_id, urls[language], language=language)
    standalone.wait_for(job_id, "completed", PATIENCE_S)
    alone = standalone.client.get(f"/jobs/{job_id}/result").json()
    assert len(said(alone)) > 20
    assert said(received[-1].json["result"]) == said(alone)
    assert said(release.result(job_id)) == said(alone)


def models_ready(release: Installed) -> float:
    """When the newest pipeline pod had loaded its last model, by its log; seconds of time.time()."""
    pods = release.kubectl(
        "get", "pods", "--selector=app.kubernetes.io/component=pipeline", "--sort-by=.metadata.creationTimestamp",
        "-o", "name",
    ).split()  # fmt: skip
    lines = [json.loads(line) for line in release.kubectl("logs", pods[-1]).splitlines() if line.startswith("{")]
    loaded = [line["time"] for line in lines if line["event"] == "model_loaded"]
    return datetime.fromisoformat(loaded[-1]).timestamp()


def test_nothing_but_the_videojobs_is_left_of_finished_jobs(release: Installed, urls: dict[str, str]) -> None:
    wait_until(lambda: not [p for p in release.videojobs.objects("secrets") if "result" in p["metadata"]["name"]])
