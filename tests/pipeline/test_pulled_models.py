"""How long a model is waited for that another process brings into the cache."""

from pathlib import Path

import pytest

from ecg_pipeline.model_hub.manifest import Manifest, read_manifest, settings_digest, write_manifest
from ecg_pipeline.model_hub.pulled import PulledModels
from ecg_pipeline.ports import ModelDownload
from ecg_pipeline.settings import PipelineSettings

MINE = settings_digest(PipelineSettings())


def awaited(root: Path, found_after: int, limit_s: float = 5.0) -> tuple[Path | None, int, list[ModelDownload]]:
    """What is found, how often the cache was asked, and what the job was told."""
    asked, told = 0, list[ModelDownload]()

    def cached() -> Path | None:
        nonlocal asked
        asked += 1
        return root if asked > found_after else None

    pulled = PulledModels(root, MINE, limit_s, pause_s=0.001)
    return pulled.wait_for(cached, "m", told.append), asked, told


def write(root: Path, state: str, digest: str = MINE) -> None:
    write_manifest(root, Manifest(state=state, settings_digest=digest))


def test_a_model_that_is_there_is_not_waited_for(tmp_path: Path) -> None:
    assert awaited(tmp_path, found_after=0) == (tmp_path, 1, [])


@pytest.mark.parametrize("state", ["pulling", None])
def test_a_model_on_its_way_is_waited_for_and_the_job_says_so(tmp_path: Path, state: str | None) -> None:
    if state:
        write(tmp_path, state)
    found, asked, told = awaited(tmp_path, found_after=3)
    assert (found, asked) == (tmp_path, 4)
    assert [download.is_over for download in told] == [False, False, False, True]


@pytest.mark.parametrize("state", ["complete", "failed"])
def test_what_another_process_ended_without_is_not_waited_for(tmp_path: Path, state: str) -> None:
    write(tmp_path, state)
    assert awaited(tmp_path, found_after=100) == (None, 1, [])


def test_models_of_other_settings_say_nothing_of_these(tmp_path: Path) -> None:
    write(tmp_path, "complete", settings_digest(PipelineSettings(asr_model="large-v3")))
    assert awaited(tmp_path, found_after=3)[0] == tmp_path


def test_the_wait_has_an_end(tmp_path: Path) -> None:
    found, _, told = awaited(tmp_path, found_after=10**9, limit_s=0.05)
    assert (found, told[-1].is_over) == (None, True)


def test_a_manifest_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "ecg-models.json").write_text('{"state": "perhaps"}')
    assert read_manifest(tmp_path) is None
