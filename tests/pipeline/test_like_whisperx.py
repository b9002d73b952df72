"""The pipeline finds the words and times of the stock `whisperx` command with the same models."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from support.pipeline_process import ROOT, PipelineProcess, demo_environment, make_job
from support.sounds import write_wav

TOLERANCE_S = 0.020


def stock_whisperx(sound: Path, language: str, folder: Path) -> list[dict[str, Any]]:
    """The words that the `whisperx` command finds with the demo's settings."""
    (folder / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    environment = demo_environment(PATH=f"{folder}{os.pathsep}{os.environ['PATH']}")
    command = [sys.executable, "-m", "whisperx", str(sound), "--language", language, "--device", "cpu"]
    command += ["--model", environment["ASR_MODEL"], "--compute_type", environment["ASR_COMPUTE_TYPE"]]
    command += ["--align_model", json.loads(environment["ALIGN_MODELS"])[language]]
    command += ["--chunk_size", environment["ASR_CHUNK_SIZE"], "--batch_size", "8", "--threads", "2"]
    command += ["--output_format", "json", "--output_dir", str(folder)]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, timeout=240)
    found: list[dict[str, Any]] = json.loads((folder / f"{sound.stem}.json").read_text())["word_segments"]
    return found


@pytest.mark.parametrize("language", ["en", "ko"])
def test_words_are_equal_and_times_within_20_ms(pipeline: PipelineProcess, tmp_path: Path, language: str) -> None:
    from ecg_pipeline.media.decode import decode  # noqa: PLC0415 - only here

    video = ROOT / f"demo/samples/meeting_{language}.mp4"
    sound = write_wav(tmp_path / "sound.wav", decode(video).samples)
    theirs = stock_whisperx(sound, language, tmp_path)
    ours = pipeline.run(make_job(sound, tmp_path / "result.json", language=language)).result
    assert ours is not None
    assert [w["word"] for w in ours["word_segments"]] == [w["word"] for w in theirs]
    assert len(theirs) > 20
    apart = [abs(a["start_time"] - b["start"]) for a, b in zip(ours["word_segments"], theirs, strict=True)]
    apart += [abs(a["end_time"] - b["end"]) for a, b in zip(ours["word_segments"], theirs, strict=True)]
    assert max(apart) <= TOLERANCE_S
