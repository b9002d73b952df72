"""Accuracy of the whole pipeline with the demo models on sentences that they were not trained on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.pipeline_process import ROOT, PipelineProcess, make_job
from support.scoring import Score, ScoredWord, score

HELD_OUT = sorted((ROOT / "tests/data/heldout").glob("*.flac"))
WORST_WORD_ERROR_RATE = {"en": 0.10, "ko": 0.15}


@pytest.fixture(scope="module")
def transcripts(pipeline: PipelineProcess, tmp_path_factory: pytest.TempPathFactory) -> dict[Path, dict[str, Any]]:
    """The result of every recording, language detected."""
    folder = tmp_path_factory.mktemp("heldout")
    found = {}
    for recording in HELD_OUT:
        outcome = pipeline.run(make_job(recording, folder / f"{recording.stem}.json", emotion_detection=False))
        assert outcome.result is not None
        found[recording] = outcome.result
    return found


def said(recording: Path) -> list[ScoredWord]:
    words = json.loads(recording.with_suffix(".json").read_text())["words"]
    return [ScoredWord(w["word"], w["start"], w["speaker"]) for w in words]


def heard(result: dict[str, Any]) -> list[ScoredWord]:
    return [ScoredWord(w["word"], w["start_time"], w["speaker_id"]) for w in result["word_segments"]]


@pytest.mark.parametrize("language", WORST_WORD_ERROR_RATE)
def test_held_out_sentences_are_heard_right(
    transcripts: dict[Path, dict[str, Any]], figure: Callable[[str], None], language: str
) -> None:
    total = Score()
    for recording, result in transcripts.items():
        if recording.stem.startswith(language):
            total += score(said(recording), heard(result))
    figure(f"held out, {language}: {_figures(total)}")
    assert total.word_error_rate <= WORST_WORD_ERROR_RATE[language]
    assert total.right_speaker_rate >= 0.90
    assert total.median_start_error <= 0.060


def _figures(total: Score) -> str:
    return (
        f"{total.words} words, word error rate {total.word_error_rate:.1%}, right speaker "
        f"{total.right_speaker_rate:.1%}, median word start error {total.median_start_error * 1000:.0f} ms"
    )


@pytest.mark.parametrize("recording", HELD_OUT, ids=lambda path: path.stem)
def test_language_and_number_of_speakers_are_right(transcripts: dict[Path, dict[str, Any]], recording: Path) -> None:
    result = transcripts[recording]
    assert result["language"] == recording.stem[:2]
    assert len(result["speakers"]) == len({word.speaker for word in said(recording)})
