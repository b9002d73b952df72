"""Which models stay in memory."""

import gc
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from ecg_dev.waiting import wait_until
from ecg_pipeline.analysis.model_cache import ModelCache


@pytest.fixture(params=[False])
def cache(request: pytest.FixtureRequest) -> Iterator[ModelCache]:
    """`for_one_job` is its parameter. Python collects garbage at no moment of its own, and once at a time."""
    gc.disable()
    made = ModelCache(for_one_job=request.param)
    yield made
    made.submit("libraries", None, lambda: None).result(10)  # after all that its thread had to do
    gc.enable()


class Weights:
    """Held by a cycle, as `torch.load` leaves one."""

    def __init__(self) -> None:
        self.itself = self


def _load(cache: ModelCache, kind: str, key: str) -> "weakref.ref[Weights]":
    return weakref.ref(cache.submit(kind, key, Weights).result(10))


def _is_gone(model: "weakref.ref[Weights]") -> Callable[[], bool]:
    return lambda: model() is None


@pytest.mark.parametrize("cache", [True], indirect=True)
def test_the_models_of_earlier_stages_leave_the_only_job_s_memory(cache: ModelCache) -> None:
    used = [_load(cache, kind, "en") for kind in ("vad", "diarizer", "transcriber", "aligner")]
    emotion = _load(cache, "emotion", "en")
    cache.job_needs_only("emotion")
    for model in used:
        wait_until(_is_gone(model))
    assert emotion() is not None


def test_a_process_of_many_jobs_keeps_them(cache: ModelCache) -> None:
    aligner = _load(cache, "aligner", "en")
    cache.job_needs_only("emotion")
    assert cache.submit("aligner", "en", Weights).result(10) is aligner()


@pytest.mark.parametrize(("kind", "kept"), [("aligner", 2), ("diarizer", 1)])
def test_a_model_that_makes_way_for_another_leaves_memory(cache: ModelCache, kind: str, kept: int) -> None:
    loaded = [_load(cache, kind, str(n)) for n in range(kept + 1)]
    wait_until(_is_gone(loaded[0]))
    assert all(model() is not None for model in loaded[1:])


def test_a_model_that_is_used_again_is_the_last_to_make_way(cache: ModelCache) -> None:
    first, second = _load(cache, "aligner", "ko"), _load(cache, "aligner", "en")
    again: Future[Weights] = cache.submit("aligner", "ko", Weights)
    assert again.result(10) is first()
    _load(cache, "aligner", "ja")
    wait_until(_is_gone(second))
    assert first() is not None
