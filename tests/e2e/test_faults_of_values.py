"""Values with which pods cannot run."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ecg_dev.node.cluster import GPUS
from ecg_dev.waiting import wait_until
from support.faults import VALUES, Jobs, jobs, release
from support.installed import Installed, Values
from support.media_files import write_silence
from support.media_server import Reply

__all__ = ["jobs", "release"]
pytestmark = pytest.mark.faults
SHOWN_WITHIN_S = 60.0


def changed(jobs: Values | None = None, images: Values | None = None, gpu: Values | None = None) -> Values:
    pipeline = {**VALUES["pipeline"], **({"gpu": {"resources": gpu}} if gpu else {})}
    return {**VALUES, "jobs": {**VALUES["jobs"], **(jobs or {})}, "images": images or {}, "pipeline": pipeline}


def shown(release: Installed, job_id: str, *words: str) -> float:
    """Wait until the status names the cause; returns the seconds."""
    began = time.monotonic()

    def message() -> str:
        return str(release.videojobs.status(job_id).get("message"))

    wait_until(lambda: any(word in message() for word in words), SHOWN_WITHIN_S, message)
    return time.monotonic() - began


def test_too_little_memory_is_tried_once_more_and_then_named(
    release: Installed, jobs: Jobs, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """Six hours of silence are a small file, but 1.4 GB when decoded."""
    release.upgrade(changed(gpu={"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}))
    jobs.post("small", Reply(body=write_silence(tmp_path / "long.flac", hours=6).read_bytes()))
    message = jobs.fails("small")
    figure(f"OOMKilled: {message}")
    assert "memory" in message
    assert release.videojobs.status("small")["attempt"]["number"] == 2


def test_an_image_that_is_not_there_is_shown_within_a_minute(
    release: Installed, jobs: Jobs, figure: Callable[[str], None]
) -> None:
    release.upgrade(changed({"stuckLimitSeconds": 20}, {"pipeline": {"tag": "no-such-tag"}}))
    jobs.post("imageless")
    figure(f"an image that is not there: shown after {shown(release, 'imageless', 'Image', 'image'):.0f} s")
    assert "no-such-tag" in jobs.fails("imageless")


def test_a_gpu_that_is_not_to_be_had_is_shown_within_a_minute(
    release: Installed, jobs: Jobs, figure: Callable[[str], None]
) -> None:
    one_too_many = {"limits": {"nvidia.com/gpu": GPUS + 1}}
    release.upgrade(changed({"queueLimitSeconds": 20}, gpu=one_too_many))
    jobs.post("gpuless")
    figure(f"a GPU that is not to be had: shown after {shown(release, 'gpuless', 'nvidia.com/gpu'):.0f} s")
    assert "nvidia.com/gpu" in jobs.fails("gpuless")
