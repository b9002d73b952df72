"""A result as long as that of hours of speech."""

from ecg_contract.result import AcousticFeatures, AnalysisResult, Segment, Word

_WORDS_OF_A_SEGMENT = 10


def long_result(words: int) -> AnalysisResult:
    """Ten words a segment, 0.3 s a word, two speakers in turns."""
    segments = [_segment(number) for number in range(words // _WORDS_OF_A_SEGMENT)]
    return AnalysisResult(segments, segments[-1].end + 1, "en", "en", "whisperx-base", "cpu", 1.0)


def _segment(number: int) -> Segment:
    speaker, start = f"SPEAKER_{number % 2:02}", number * _WORDS_OF_A_SEGMENT * 0.3
    words = [_word(number, place, start + place * 0.3, speaker) for place in range(_WORDS_OF_A_SEGMENT)]
    return Segment(start, words[-1].end, " ".join(word.text for word in words), speaker, words)


def _word(number: int, place: int, start: float, speaker: str) -> Word:
    features = AcousticFeatures(-20.0 - place, 120.0 + place, 1500.0)
    return Word(f"word{number}.{place}", start, start + 0.25, 0.9, speaker, features)
