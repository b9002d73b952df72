from hypothesis import given
from hypothesis import strategies as st

from ecg_pipeline.analysis.word_times import TimedWord, timed_words, unaligned
from ecg_pipeline.ports import AlignedWord, Sentence, Utterance

TIME = st.none() | st.floats(-5, 40)
WORD = st.builds(AlignedWord, st.text("ab1", min_size=1, max_size=5), TIME, TIME, st.none() | st.floats(0, 1))
SENTENCE = st.builds(Sentence, st.floats(-1, 40), st.floats(-1, 40), st.just("a b 1"), st.lists(WORD, max_size=6))


def test_words_without_times_share_the_gap_by_their_lengths() -> None:
    words = [AlignedWord("a", 0.0, 1.0, 0.9), AlignedWord("12"), AlignedWord("3456"), AlignedWord("b", 4.0, 5.0, 0.8)]
    found = timed_words(Sentence(0, 5, "a 12 3456 b", words), "en", 10)
    assert found[1:3] == [TimedWord("12", 1.0, 2.0), TimedWord("3456", 2.0, 4.0)]


def test_an_unaligned_sentence_is_split_at_spaces_or_into_characters() -> None:
    [sentence] = unaligned([Utterance(1.0, 3.0, " 안녕 하세요 ")])
    assert [w.text for w in timed_words(sentence, "ko", 10)] == ["안녕", "하세요"]
    assert [w.text for w in timed_words(Sentence(0, 1, "你好 吗"), "zh", 10)] == ["你", "好", "吗"]


@given(SENTENCE, st.floats(0.01, 30))
def test_every_word_has_times_inside_the_audio(sentence: Sentence, duration: float) -> None:
    found = timed_words(sentence, "en", duration)
    assert [w.text for w in found] == [w.text for w in sentence.words] or not sentence.words
    assert all(0 <= w.start <= w.end <= duration for w in found)


@given(SENTENCE)
def test_times_that_the_aligner_gave_are_kept(sentence: Sentence) -> None:
    for given_word, timed in zip(sentence.words, timed_words(sentence, "en", 100), strict=False):
        if given_word.start is not None and given_word.end is not None and 0 <= given_word.start <= given_word.end:
            assert (timed.start, timed.end) == (given_word.start, given_word.end)
