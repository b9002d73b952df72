"""The real pipeline with the demo models."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecg_contract.stages import Stage
from ecg_contract.wire.models import WireResult
from support.media_files import write_silence
from support.pipeline_process import ROOT, Outcome, PipelineProcess, make_job
from support.sounds import Sound, noise, silence, voice, write_wav

SAMPLES = ROOT / "demo/samples"


@pytest.fixture(scope="module")
def english(pipeline: PipelineProcess, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("english")
    return pipeline.run(make_job(SAMPLES / "meeting_en.mp4", folder / "result.json"))


def analyzed(pipeline: PipelineProcess, folder: Path, sound: Sound, **job: Any) -> dict[str, Any]:
    outcome = pipeline.run(make_job(write_wav(folder / "sound.wav", sound), folder / "result.json", **job))
    assert outcome.exit_code == 0
    assert outcome.result is not None
    return outcome.result


def test_the_sample_video_has_two_speakers_words_and_emotions(english: Outcome) -> None:
    assert english.exit_code == 0
    result = WireResult.model_validate(english.result)
    assert result.language == "en"
    assert set(result.speakers) == {"SPEAKER_00", "SPEAKER_01"}
    assert result.metadata.model_version == "whisperx-whisper"
    assert result.metadata.processing_mode == "auto-detect"
    assert all(segment.emotion and 0 < segment.emotion.confidence <= 1 for segment in result.segments)


def test_every_word_has_times_inside_the_audio_and_features(english: Outcome) -> None:
    assert english.result is not None
    words = [word for segment in english.result["segments"] for word in segment["words"]]
    assert len(words) == len(english.result["word_segments"]) > 20
    for word in words:
        assert 0 <= word["start"] <= word["end"] <= english.result["duration"]
        assert -100 <= word["acoustic_features"]["volume_db"] <= 0
        assert 0 <= word["acoustic_features"]["pitch_hz"] <= 500
        assert 0 < word["acoustic_features"]["spectral_centroid"] < 8000


def test_all_seven_stages_are_reported_in_order(english: Outcome) -> None:
    statuses = [report.status for report in english.reports if report.status]
    assert list(dict.fromkeys(s.stage for s in statuses)) == list(Stage)
    progress = [s.progress for s in statuses]
    assert progress == sorted(progress)
    assert progress[-1] == 100
    assert statuses[-1].result is not None
    assert statuses[-1].result.words == len(english.result["word_segments"] if english.result else [])


def test_every_log_line_of_a_job_has_its_id_and_none_has_its_words(english: Outcome) -> None:
    assert english.events("job_started")
    assert english.events("analysis_completed")
    assert "report on" not in str(english.log).lower()


def test_a_second_job_loads_no_model(pipeline: PipelineProcess, english: Outcome, tmp_path: Path) -> None:
    again = pipeline.run(make_job(SAMPLES / "meeting_en.mp4", tmp_path / "result.json"))
    assert not again.events("model_loaded")
    assert again.result is not None
    assert english.result is not None
    assert again.result["word_segments"] == english.result["word_segments"]


def test_silence_is_completed_with_an_empty_result(pipeline: PipelineProcess, tmp_path: Path) -> None:
    job = make_job(write_wav(tmp_path / "sound.wav", silence(5)), tmp_path / "result.json")
    outcome = pipeline.run(job)
    assert outcome.exit_code == 0
    assert outcome.result is not None
    assert (outcome.result["segments"], outcome.result["text"], outcome.result["duration"]) == ([], "", 5.0)
    assert outcome.events("whisperx_pipeline_no_result")


@pytest.mark.parametrize("seconds", [0.01, 0.2, 1.0])
def test_very_short_sounds_are_completed(pipeline: PipelineProcess, tmp_path: Path, seconds: float) -> None:
    assert analyzed(pipeline, tmp_path, voice(150, seconds))["duration"] == pytest.approx(seconds, abs=0.001)


def test_noise_alone_has_no_words(pipeline: PipelineProcess, tmp_path: Path) -> None:
    assert analyzed(pipeline, tmp_path, noise(10))["segments"] == []


def test_a_requested_language_is_kept(pipeline: PipelineProcess, tmp_path: Path) -> None:
    outcome = pipeline.run(make_job(SAMPLES / "meeting_ko.mp4", tmp_path / "result.json", language="ko"))
    assert outcome.result is not None
    metadata = outcome.result["metadata"]
    assert (metadata["language_requested"], metadata["language_detected"]) == ("ko", "ko")
    assert metadata["processing_mode"] == "targeted"


def test_the_language_is_not_taken_from_the_beginning_alone(pipeline: PipelineProcess, tmp_path: Path) -> None:
    """Half a minute of silence and one English sentence, then Korean."""
    korean, english_start = decoded("meeting_ko.mp4"), decoded("meeting_en.mp4")[: 16_000 * 3]
    sound = np.concatenate([english_start, silence(30), korean, korean])
    assert analyzed(pipeline, tmp_path, sound, emotion_detection=False)["language"] == "ko"


def test_a_file_without_audio_fails_with_its_code(pipeline: PipelineProcess, tmp_path: Path) -> None:
    broken = tmp_path / "video.mp4"
    broken.write_bytes(b"<html>not a video</html>")
    outcome = pipeline.run(make_job(broken, tmp_path / "result.json"))
    assert outcome.exit_code == 11
    assert outcome.status.error.code == "AUDIO_EXTRACTION_ERROR"
    assert outcome.result is None


def decoded(name: str) -> Sound:
    from ecg_pipeline.media.decode import decode  # noqa: PLC0415 - only two tests want it

    return decode(SAMPLES / name).samples


def test_ten_hours_of_silence_in_a_small_file_end_soon_without_segments(
    pipeline: PipelineProcess, tmp_path: Path
) -> None:
    outcome = pipeline.run(make_job(write_silence(tmp_path / "silence.flac", 10), tmp_path / "result.json"))
    assert outcome.result is not None
    assert (outcome.result["segments"], outcome.result["duration"]) == ([], 36_000.0)
    assert outcome.events("whisperx_pipeline_no_result")
