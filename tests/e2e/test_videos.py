"""Whole videos in real pods: callbacks, and the same results as the standalone host's."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from ecg_dev.images.recipes import recipes
from ecg_dev.node.cluster import NodeCluster
from ecg_dev.node.network import HOST_ADDRESS
from ecg_dev.waiting import wait_until
from support import s3
from support.installed import Installed, installed
from support.media_server import MediaServer
from support.pipeline_process import ROOT, demo_environment
from support.receiver import Receiver
from support.server_process import ServerProcess
from support.timed_job import PATIENCE_S, timed_job

PIPELINE_IMAGE = next(recipe.tag for recipe in recipes("") if recipe.name == "ecg-pipeline")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
STEPS = (
    "POST answered",
    "Job created",
    "pod scheduled",
    "container started",
    "first report",
    "first callback",
    "models ready",
    "result",
    "last callback",
)


@pytest.fixture(scope="module")
def release(node: NodeCluster, bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """A release with a bucket for results; its requests belong to a trace."""
    with installed(node, "ecg-e2e", tmp_path_factory.mktemp("chart"), s3.chart_values(bucket)) as release:
        release.api.headers["traceparent"] = f"00-{TRACE}-00f067aa0ba902b7-01"
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


@pytest.fixture(scope="module")
def timelines() -> dict[str, dict[str, float]]:
    """By video: seconds from its POST to each step."""
    return {}


def timed_words(result: dict[str, Any]) -> list[tuple[str, float, float, str]]:
    """Every word with its times and its speaker."""
    return [
        (word["word"], word["start"], word["end"], segment["speaker"]["speaker_id"])
        for segment in result["segments"]
        for word in segment["words"]
    ]


def test_the_installed_policies_refuse_forged_writes(release: Installed) -> None:
    output = release.test()
    assert output.count("Succeeded") == 2, output


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_video_gives_what_the_standalone_host_gives(
    language: str,
    release: Installed,
    standalone: ServerProcess,
    backend: Receiver,
    urls: dict[str, str],
    timelines: dict[str, dict[str, float]],
) -> None:
    job_id = f"sample-{language}"
    timeline = timed_job(release, backend, job_id, urls[language], language=language, enable_gpu=True)
    received = backend.of(job_id)
    timeline.seconds["models ready"] = timeline.since(models_ready(release))
    timelines[job_id] = timeline.seconds
    standalone.post(job_id, urls[language], language=language)
    standalone.wait_for(job_id, "completed", PATIENCE_S)
    alone = standalone.client.get(f"/jobs/{job_id}/result").json()
    assert len(timed_words(alone)) > 20
    assert timed_words(received[-1].json["result"]) == timed_words(alone)
    assert timed_words(release.result(job_id)) == timed_words(alone)


def models_ready(release: Installed) -> float:
    """When the newest pipeline pod loaded its last model, from its log, as time.time()."""
    pods = release.pods("pipeline", "--sort-by=.metadata.creationTimestamp")
    lines = [json.loads(line) for line in release.kubectl("logs", pods[-1]).splitlines() if line.startswith("{")]
    loaded = [line["time"] for line in lines if line["event"] == "model_loaded"]
    return datetime.fromisoformat(loaded[-1]).timestamp()


def test_the_trace_of_the_requests_is_in_callbacks_and_in_the_log_of_each_component(
    release: Installed, backend: Receiver, timelines: dict[str, dict[str, float]]
) -> None:
    assert timelines, "no video was posted"
    for request in (request for job_id in timelines for request in backend.of(job_id)):
        assert TRACE in request.headers["traceparent"]
    for component in ("api", "operator", "pipeline"):
        for pod in release.pods(component):
            lines = [json.loads(line) for line in release.kubectl("logs", pod).splitlines() if line.startswith("{")]
            about_jobs = [line for line in lines if line.get("job_id") in timelines]
            assert {line.get("trace_id") for line in about_jobs} == {TRACE}, (component, about_jobs[:3])


def test_every_step_of_a_cold_start_was_seen(
    timelines: dict[str, dict[str, float]], figure: Callable[[str], None]
) -> None:
    figure("seconds after the POST  " + "".join(f"{job_id:>12}" for job_id in timelines))
    for step in STEPS:
        figure(f"{step:24}" + "".join(f"{seconds[step]:12.2f}" for seconds in timelines.values()))
    for seconds in timelines.values():
        assert set(seconds) == set(STEPS)
        assert seconds["Job created"] <= seconds["container started"] <= seconds["first report"] <= seconds["result"]


def test_nothing_of_a_finished_job_is_left_at_work(
    release: Installed, timelines: dict[str, dict[str, float]], figure: Callable[[str], None]
) -> None:
    """No pod runs, and the Secrets with upload URLs are deleted."""
    figure("$ kubectl get videojobs\n" + release.kubectl("get", "videojobs"))
    wait_until(
        lambda: not release.pods("pipeline", "--field-selector=status.phase=Running"),
        30,
        lambda: release.kubectl("get", "pods"),
    )
    wait_until(lambda: not any("result" in s["metadata"]["name"] for s in release.videojobs.objects("secrets")), 30)
    assert len(release.videojobs.all()) == len(timelines) > 0


def test_the_pipelines_image_is_whole(release: Installed, figure: Callable[[str], None]) -> None:
    """The self-test of the image, under restricted Pod Security."""
    output = release.run_to_end("self-test", PIPELINE_IMAGE)
    assert "FAIL" not in output, output
    for name in ("whisperx", "pyannote.audio", "cuDNN", "speech detection"):
        assert re.search(rf"^OK +{re.escape(name)} ", output, re.MULTILINE), output
    figure("python -m ecg_pipeline --self-test, in a pod:\n" + output)


def test_nothing_is_compiled_in_a_pod(release: Installed) -> None:
    """numba logs which functions it loads from its cache, and which it compiles."""
    code = "from ecg_pipeline.engines.libraries import provide_compiled_code as p; p()"
    code += "; from ecg_pipeline.acoustics import warm_up; warm_up()"
    output = release.run_to_end("warm-up", PIPELINE_IMAGE, "python", "-c", code, NUMBA_DEBUG_CACHE="1")
    assert output.count("data loaded from") > 5, output
    assert "data saved to" not in output


def test_one_can_look_into_a_pod(release: Installed) -> None:
    output = release.kubectl(
        "exec", f"deployment/{release.name}-api", "--", "python", "-c", "import os; print(os.getuid())"
    )
    assert output.strip() == "10001"


def test_the_commands_work_in_a_pod(release: Installed) -> None:
    inside = ("exec", f"deployment/{release.name}-api", "--", "python", "-m", "ecg_api.cli")
    assert "completed" in release.kubectl(*inside, "list", "--state", "completed")
    assert release.kubectl(*inside, "--version").startswith("ecg ")
