"""Assembling the result of four hours: 50,000 words in 5,000 sentences, 10,000 turns of six speakers.

The acoustic features, which read the whole sound, are measured by the benchmark `acoustics` and taken out here. The
rival is whisperX's own assignment of words to speakers on the same words and turns.
"""

import copy
import gc
import statistics
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
from whisperx.diarize import assign_word_speakers

from ecg_contract.result import AnalysisResult, SpeakerTurn
from ecg_contract.wire.result import wire_json
from ecg_pipeline import acoustics
from ecg_pipeline.analysis.assemble import assemble
from ecg_pipeline.analysis.speaker_assignment import assign_speakers
from ecg_pipeline.ports import SAMPLE_RATE, AlignedWord, Sentence

HOURS, WORDS, TURNS, SPEAKERS = 4, 50_000, 10_000, 6
WORDS_A_SENTENCE = 10
RUNS = 5


def main() -> None:
    warnings.filterwarnings("ignore")
    gc.set_threshold(100_000, 50, 100)  # as the pipeline's process has it
    sentences, turns = _sentences(), _turns()
    samples = np.zeros(HOURS * 3600 * SAMPLE_RATE, np.float32)
    frames = acoustics.measure(samples)
    acoustics.measure = lambda _: frames  # type: ignore[assignment]
    ours, theirs, size = [], [], 0
    for _ in range(RUNS):
        began = time.perf_counter()
        segments = assemble(samples, sentences, "en", turns, [None] * len(sentences))
        size = len(wire_json(AnalysisResult(segments, HOURS * 3600.0, "en", "en", "whisperx-base", "cpu", 1.0)))
        ours.append(time.perf_counter() - began)
        theirs.append(_whisperx(sentences, turns))
    assigning = _assigning(sentences, turns)
    print(f"{HOURS} hours, {WORDS:,} words, {TURNS:,} turns of {SPEAKERS} speakers; median of {RUNS}")
    print(f"words, speakers, segments and {size / 1e6:.1f} MB of JSON: {statistics.median(ours):.2f} s (goal: 2)")
    rival = statistics.median(theirs)
    print(f"of it the speakers: {assigning:.3f} s, whisperx {rival:.1f} s; {rival / assigning:.0f} times faster")


def _whisperx(sentences: list[Sentence], turns: list[SpeakerTurn]) -> float:
    frame = pd.DataFrame([(t.start, t.end, t.speaker) for t in turns], columns=["start", "end", "speaker"])
    transcript: Any = {"segments": [_segment(sentence) for sentence in sentences]}
    began = time.perf_counter()
    assign_word_speakers(frame, copy.copy(transcript))
    return time.perf_counter() - began


def _segment(sentence: Sentence) -> dict[str, Any]:
    words = [{"word": w.text, "start": w.start, "end": w.end, "score": w.score} for w in sentence.words]
    return {"start": sentence.start, "end": sentence.end, "text": sentence.text, "words": words}


def _assigning(sentences: list[Sentence], turns: list[SpeakerTurn]) -> float:
    spans = np.array([(w.start, w.end) for sentence in sentences for w in sentence.words])
    walls = []
    for _ in range(RUNS):
        began = time.perf_counter()
        assign_speakers(spans[:, 0], spans[:, 1], turns)
        walls.append(time.perf_counter() - began)
    return statistics.median(walls)


def _sentences() -> list[Sentence]:
    each = HOURS * 3600 / WORDS
    words = [AlignedWord(f"word{n % 997}", n * each, n * each + 0.8 * each, 0.9) for n in range(WORDS)]
    return [
        Sentence(own[0].start or 0.0, own[-1].end or 0.0, " ".join(w.text for w in own), own)
        for own in (words[first : first + WORDS_A_SENTENCE] for first in range(0, WORDS, WORDS_A_SENTENCE))
    ]


def _turns() -> list[SpeakerTurn]:
    random, each = np.random.default_rng(0), HOURS * 3600 / TURNS
    speakers = random.integers(0, SPEAKERS, TURNS)
    return [SpeakerTurn(n * each, n * each + 0.95 * each, f"S{speaker}") for n, speaker in enumerate(speakers)]


if __name__ == "__main__":
    main()
