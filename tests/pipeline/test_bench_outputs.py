"""How far two outputs are apart."""

import pytest

from ecg_pipeline.bench.outputs import Difference, HeardWord, difference

FIRST = [HeardWord("a", 0.0, 1.0, "S0"), HeardWord("b", 1.0, 2.0, "S1"), HeardWord("c", 2.0, 3.0, "S0")]


def test_equal_outputs_do_not_differ() -> None:
    found = difference(FIRST, list(FIRST))
    assert found.is_none
    assert str(found) == "3 words, times and speakers equal"


def test_speakers_are_matched_by_their_first_words() -> None:
    renamed = [word._replace(speaker={"S0": "A", "S1": "B"}[str(word.speaker)]) for word in FIRST]
    assert difference(FIRST, renamed).other_speakers == 0
    swapped = [FIRST[0], FIRST[1], FIRST[2]._replace(speaker="S1")]
    assert difference(FIRST, swapped).other_speakers == 1


@pytest.mark.parametrize(
    ("second", "other"),
    [(FIRST[:2], 1), ([*FIRST, FIRST[0]], 1), ([FIRST[0], FIRST[1]._replace(text="x"), FIRST[2]], 1), ([], 3)],
)
def test_words_that_one_lacks_are_counted(second: list[HeardWord], other: int) -> None:
    assert difference(FIRST, second) == Difference(3, other, 0, 0.0)


def test_the_largest_distance_of_two_times_counts() -> None:
    moved = [FIRST[0]._replace(end=1.01), FIRST[1]._replace(start=0.97), FIRST[2]._replace(start=None)]
    assert difference(FIRST, moved).seconds_apart == pytest.approx(0.03)
    assert "at most 30 ms apart" in str(difference(FIRST, moved))
