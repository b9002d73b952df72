import time
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ecg_contract.result import SpeakerTurn
from ecg_pipeline.analysis.speaker_assignment import assign_speakers, majority

TIMES = st.integers(0, 400).map(lambda n: n / 10)
SPANS = st.tuples(TIMES, st.integers(0, 40).map(lambda n: n / 10)).map(lambda t: (t[0], t[0] + t[1]))
TURNS = st.lists(st.tuples(SPANS, st.sampled_from("abc")).map(lambda t: SpeakerTurn(*t[0], t[1])), max_size=8)


def assigned(spans: list[tuple[float, float]], turns: list[SpeakerTurn]) -> list[str]:
    array = np.array(spans, float).reshape(-1, 2)
    return assign_speakers(array[:, 0], array[:, 1], turns)


def test_a_word_is_said_by_who_speaks_most_of_it() -> None:
    turns = [SpeakerTurn(0, 1, "a"), SpeakerTurn(1, 3, "b")]
    assert assigned([(0.1, 0.5), (0.9, 2.0)], turns) == ["SPEAKER_00", "SPEAKER_01"]


def test_a_word_between_turns_takes_the_nearest() -> None:
    turns = [SpeakerTurn(0, 1, "a"), SpeakerTurn(5, 6, "b")]
    assert assigned([(0, 1), (1.5, 2), (4, 4.5), (9, 10)], turns) == ["SPEAKER_00"] * 2 + ["SPEAKER_01"] * 2


def test_without_turns_all_is_said_by_the_first_speaker() -> None:
    assert assigned([(0, 1), (2, 3)], []) == ["SPEAKER_00", "SPEAKER_00"]


def test_speakers_are_numbered_as_they_appear() -> None:
    turns = [SpeakerTurn(0, 1, "SPEAKER_07"), SpeakerTurn(1, 2, "SPEAKER_02")]
    assert assigned([(1.2, 1.4), (0.2, 0.4)], turns) == ["SPEAKER_01", "SPEAKER_00"]


def test_a_segment_belongs_to_the_speaker_of_most_of_its_words() -> None:
    assert majority(["b", "a", "a"]) == "a"
    assert majority([]) == "SPEAKER_00"


def overlap(span: tuple[float, float], turns: list[SpeakerTurn]) -> float:
    """Seconds of `span` inside the union of `turns`, by elementary intervals."""
    edges = sorted({*span, *(t for turn in turns for t in (turn.start, turn.end) if span[0] < t < span[1])})
    inside = [(a, b) for a, b in pairwise(edges) if any(t.start <= a and b <= t.end for t in turns)]
    return sum(b - a for a, b in inside)


@given(st.lists(SPANS, min_size=1, max_size=8), TURNS)
def test_nobody_else_speaks_more_of_a_word(spans: list[tuple[float, float]], turns: list[SpeakerTurn]) -> None:
    found = assigned(spans, turns)
    by_name: dict[str, list[SpeakerTurn]] = {}
    for turn in turns:
        by_name.setdefault(turn.speaker, []).append(turn)
    naming: dict[str, set[str]] = {}
    for span, speaker in zip(spans, found, strict=True):
        overlaps = {name: overlap(span, own) for name, own in by_name.items()}
        best = max(overlaps.values(), default=0.0)
        if best > 1e-6:
            candidates = {name for name, value in overlaps.items() if value > best - 1e-6}
            naming[speaker] = naming.get(speaker, candidates) & candidates
    assert all(naming.values())  # one true speaker fits every word of each number
    assert set(found) == {f"SPEAKER_{i:02d}" for i in range(len(set(found)))}


def test_fifty_thousand_words_and_thousands_of_turns_take_under_two_seconds() -> None:
    starts = np.sort(np.random.default_rng(0).uniform(0, 36000, 50_000))
    turns = [SpeakerTurn(i * 6.0, i * 6.0 + 5, f"s{i % 8}") for i in range(6000)]
    began = time.process_time()
    assert len(assign_speakers(starts, starts + 0.3, turns)) == 50_000
    assert time.process_time() - began < 2
