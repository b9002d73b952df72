"""Whole runs of the pipeline process with the default names, from a server that plays the model hub."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ecg_pipeline.media.decode import decode
from ecg_pipeline.ports import SAMPLE_RATE
from support.hub_models import ALIGNERS, DIARIZATION, EMOTIONS, WHISPER
from support.model_hub import Fault, ModelHub, commit_of, hub_environment
from support.pipeline_process import ROOT, PipelineProcess, make_job
from support.sounds import write_wav

LANGUAGES = ("en", "ko")
_SECONDS = 6
pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def hub() -> Iterator[ModelHub]:
    with ModelHub() as hub:
        yield hub


@pytest.fixture
def start(hub: ModelHub, tmp_path: Path) -> Iterator[Callable[..., PipelineProcess]]:
    """Starts a pipeline process whose cache is in `tmp_path / "hf"`."""
    started: list[PipelineProcess] = []

    def run(**settings: str) -> PipelineProcess:
        process = PipelineProcess(hub_environment(hub, tmp_path / "hf", **settings))
        started.append(process)
        return process

    yield run
    for process in started:
        process.close()


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The beginning of a dialogue in each language; true shapes of models take long on the CPU."""
    folder = tmp_path_factory.mktemp("samples")
    audio = {
        language: decode(ROOT / f"tests/data/heldout/{language}_m3_f4.flac", 600).samples for language in LANGUAGES
    }
    return {
        language: write_wav(folder / f"{language}.wav", samples[: _SECONDS * SAMPLE_RATE])
        for language, samples in audio.items()
    }


def models_of(language: str) -> list[str]:
    return [DIARIZATION, WHISPER, ALIGNERS[language], EMOTIONS[language]]


def test_the_default_models_load_and_run_in_both_languages(
    hub: ModelHub, start: Callable[..., PipelineProcess], samples: dict[str, Path], tmp_path: Path
) -> None:
    everything = {"HTTPS_PROXY": hub.url, "HTTP_PROXY": hub.url, "NO_PROXY": "127.0.0.1,localhost"}
    process = start(**everything)
    for language, sample in samples.items():
        done = process.run(make_job(sample, tmp_path / f"{language}.json", language=language))
        assert done.exit_code == 0, process.log_text()[-3000:]
        assert done.status.notes == ()
        assert done.result is not None
        assert done.result["metadata"]["model_version"] == "whisperx-base"
        assert done.result["segments"][0]["emotion"]["label"]
        assert all(commit_of(model) in "".join(r.path for r in hub.requests) for model in models_of(language))
    assert {request.token for request in hub.asked("/cdn/")} == {None}, "the token went to another host"
    others = [request for request in hub.requests if request.method == "CONNECT" or "://" in request.path]
    assert others == [], "another host was called"
    assert hub.asked("discussions") == [], "a conversion of weights was asked for"


def test_with_a_full_cache_nothing_is_asked_and_a_hub_that_hangs_costs_nothing(
    hub: ModelHub,
    start: Callable[..., PipelineProcess],
    samples: dict[str, Path],
    tmp_path: Path,
    figure: Callable[[str], None],
) -> None:
    job: dict[str, Any] = {"media": samples["en"], "language": "en"}
    first = start()
    first.until(lambda report: report.event == "models")  # those of both languages are in the cache
    assert first.run(make_job(**job, result=tmp_path / "first.json")).exit_code == 0
    hub.break_down(Fault("hang"))
    walls = {}
    for name, settings in {"offline": {"HF_HUB_OFFLINE": "1"}, "hanging": {}}.items():
        process = start(**settings)
        began = time.monotonic()
        done = process.run(make_job(**job, result=tmp_path / f"{name}.json"))
        walls[name] = time.monotonic() - began
        assert (done.exit_code, done.status.notes) == (0, ())
        process.close()
    assert hub.requests == []
    figure("wall of a job with a full cache: " + ", ".join(f"hub {name} {wall:.1f} s" for name, wall in walls.items()))
