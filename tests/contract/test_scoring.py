"""The scores that the transcript tests use are computed correctly."""

from support.scoring import Score, ScoredWord, score


def words(text: str, speaker: str = "a", shift: float = 0.0) -> list[ScoredWord]:
    return [ScoredWord(word, i + shift, speaker) for i, word in enumerate(text.split())]


def test_equal_texts_have_no_error_whatever_their_case_and_punctuation() -> None:
    found = score(words("We review it."), words("we Review it", "x", 0.25))
    assert (found.word_error_rate, found.right_speaker_rate, found.median_start_error) == (0.0, 1.0, 0.25)


def test_a_word_more_a_word_less_and_another_word_are_one_error_each() -> None:
    assert score(words("a b c d"), words("a x c d e")).errors == 2
    assert score(words("a b c d"), words("a b d")).errors == 1


def test_speakers_are_compared_under_the_best_naming() -> None:
    said = [*words("a b c", "anna"), *words("d e", "peter")]
    heard = [*words("a b", "S1"), *words("c d e", "S0")]
    assert score(said, heard).right_speaker == 4


def test_one_heard_speaker_stands_for_one_said_speaker_only() -> None:
    said = [*words("a b c", "anna"), *words("d e", "peter")]
    assert score(said, words("a b c d e", "S0")).right_speaker == 3


def test_scores_add_up() -> None:
    total = Score() + score(words("a b"), words("a")) + score(words("c d"), words("c d"))
    assert (total.words, total.errors, total.word_error_rate) == (4, 1, 0.25)
