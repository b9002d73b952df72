"""A dialogue in which the VAD finds a region of a few hundredths of a second, too short for a word."""

import json
from pathlib import Path

from support.pipeline_process import ROOT, PipelineProcess, make_job
from support.scoring import ScoredWord, score

DIALOGUE = ROOT / "tests/data/short_region/ko_m3_m7.flac"


def test_no_sentence_is_invented_for_it_and_word_times_stay_aligned(pipeline: PipelineProcess, tmp_path: Path) -> None:
    outcome = pipeline.run(make_job(DIALOGUE, tmp_path / "result.json", emotion_detection=False))
    assert outcome.result is not None
    assert not outcome.events("alignment_failed")
    said = json.loads(DIALOGUE.with_suffix(".json").read_text())["words"]
    heard = outcome.result["word_segments"]
    found = score(
        [ScoredWord(w["word"], w["start"], w["speaker"]) for w in said],
        [ScoredWord(w["word"], w["start_time"], w["speaker_id"]) for w in heard],
    )
    assert found.median_start_error <= 0.060
    assert not [w["word"] for w in heard if w["word"].isascii()]
