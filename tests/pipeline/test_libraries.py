"""The libraries' environment: nobody is called, and the code that numba compiled for the image is used again."""

import os
from pathlib import Path

import pytest

from ecg_pipeline.engines.cores import available_cores
from ecg_pipeline.engines.libraries import ONE_THREAD, QUIET, Libraries, provide_compiled_code
from ecg_pipeline.settings import PipelineSettings


@pytest.fixture
def seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    seed = tmp_path / "seed"
    (seed / "librosa").mkdir(parents=True)
    (seed / "librosa" / "yin.nbc").write_bytes(b"compiled")
    monkeypatch.setenv("NUMBA_CACHE_SEED", str(seed))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    return seed


def test_it_is_put_where_numba_may_write(seed: Path, tmp_path: Path) -> None:
    provide_compiled_code()
    assert (tmp_path / "cache/librosa/yin.nbc").read_bytes() == b"compiled"


def test_a_cache_that_is_there_is_left_alone(seed: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    provide_compiled_code()
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_a_seed_nothing_is_made(seed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_CACHE_SEED")
    provide_compiled_code()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "DISABLE_SAFETENSORS_CONVERSION", "ORT_DISABLE_TELEMETRY"])
def test_the_libraries_call_nobody_whatever_the_environment_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in QUIET:
        monkeypatch.setenv(each, "0")
    Libraries(PipelineSettings())
    assert os.environ[name] in ("1", "true")
    assert os.environ["PYANNOTE_METRICS_ENABLED"] == "0"


def test_a_job_uses_no_more_cores_than_there_are_and_than_it_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in (*QUIET, *ONE_THREAD):
        monkeypatch.setenv(each, "0")
    libraries = Libraries(PipelineSettings())
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert [libraries.use_cores(most) for most in (1, 10**9)] == [1, available_cores()]
