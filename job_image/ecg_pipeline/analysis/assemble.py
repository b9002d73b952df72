"""Combines sentences, speaker turns and emotions into segments of words with times, speakers and acoustic features."""

from collections.abc import Sequence

import numpy as np

from ecg_contract.result import Emotion, Segment, SpeakerTurn, Word
from ecg_pipeline.acoustics import word_features
from ecg_pipeline.analysis.speaker_assignment import assign_speakers, majority
from ecg_pipeline.analysis.word_times import timed_words
from ecg_pipeline.ports import SAMPLE_RATE, Samples, Sentence


def assemble(
    samples: Samples,
    sentences: Sequence[Sentence],
    language: str,
    turns: Sequence[SpeakerTurn],
    emotions: Sequence[Emotion | None],
) -> list[Segment]:
    """One segment per sentence that has words; its speaker is that of most words. `emotions` has one per sentence."""
    duration = len(samples) / SAMPLE_RATE
    timed = [timed_words(sentence, language, duration) for sentence in sentences]
    flat = [word for words in timed for word in words]
    spans = np.array([(word.start, word.end) for word in flat]).reshape(-1, 2)
    speakers = assign_speakers(spans[:, 0], spans[:, 1], turns)
    features = word_features(samples, spans)
    words = iter(
        [Word(w.text, w.start, w.end, w.score, s, f) for w, s, f in zip(flat, speakers, features, strict=True)]
    )
    segments = [
        _segment(sentence, [next(words) for _ in own], emotion)
        for sentence, own, emotion in zip(sentences, timed, emotions, strict=True)
    ]
    return [segment for segment in segments if segment.words]


def _segment(sentence: Sentence, words: Sequence[Word], emotion: Emotion | None) -> Segment:
    speaker = majority([word.speaker for word in words])
    return Segment(sentence.start, sentence.end, sentence.text.strip(), speaker, words, emotion)
