"""How long a hub is waited for that gives no byte, or hardly any."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from ecg_pipeline.model_hub import client
from ecg_pipeline.model_hub.faults import FaultKind, ModelFault
from ecg_pipeline.model_hub.patience import Patience
from ecg_pipeline.settings import PipelineSettings

LONGEST_S = 60
LONGEST_TIMEOUT_S = next(
    limit.le for limit in PipelineSettings.model_fields["hub_timeout_s"].metadata if hasattr(limit, "le")
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def patience(clock: Clock, timeout_s: float = LONGEST_TIMEOUT_S) -> Patience:
    return Patience("team/model", "hub.example", timeout_s, sleep=clock.pass_, clock=clock)


@pytest.mark.parametrize(
    "seconds_of_a_try",
    [0.0, LONGEST_TIMEOUT_S, 8 * 5.0],
    ids=["refused", "no answer", "eight addresses, none of which takes connections"],
)
def test_without_a_byte_it_is_given_up_within_a_minute(clock: Clock, seconds_of_a_try: float) -> None:
    one = patience(clock)

    def try_for_ever() -> None:
        while clock.now < 1000:
            clock.pass_(seconds_of_a_try)
            one.wait_or_give_up("no answer")

    with pytest.raises(ModelFault) as failed:
        try_for_ever()
    assert failed.value.kind is FaultKind.AWAY
    assert clock.now < LONGEST_S


def tries_until_given_up(clock: Clock, bytes_of_a_try: int) -> int:
    one = patience(clock)
    for number in range(1, 101):
        clock.pass_(1)
        one.has_news(bytes_of_a_try)
        try:
            one.wait_or_give_up("broken")
        except ModelFault:
            return number
    return 101


def test_a_connection_that_breaks_after_64_kib_is_no_reason_to_give_up(clock: Clock) -> None:
    assert tries_until_given_up(clock, 64 * 1024) == 101


def test_a_few_bytes_a_try_are(clock: Clock) -> None:
    assert tries_until_given_up(clock, 40 * 1024) == 3


@pytest.mark.parametrize(("bytes_per_s", "is_too_slow"), [(500, True), (2000, False)])
def test_fewer_than_64_kib_a_minute_count_as_no_answer(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, bytes_per_s: int, is_too_slow: bool
) -> None:
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=clock))

    def body() -> Iterator[bytes]:
        for _ in range(200):
            clock.pass_(1)
            yield bytes(bytes_per_s)

    answer: Any = SimpleNamespace(iter_raw=body, request=httpx.Request("GET", "http://hub.example/"))
    if is_too_slow:
        with pytest.raises(httpx.ReadTimeout):
            list(client.pieces(answer))
        assert clock.now <= LONGEST_S + 1
    else:
        assert len(list(client.pieces(answer))) == 200
