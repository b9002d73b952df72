"""The stock `whisperx` command with the same models on the same file."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecg_pipeline.bench.outputs import HeardWord, words_of_whisperx
from ecg_pipeline.bench.pipeline_run import Cost, RunError, timed
from ecg_pipeline.settings import PipelineSettings


@dataclass(frozen=True)
class Rival:
    """`whisperx` as a user would start it: transcription, alignment and diarization, without emotion and features."""

    settings: PipelineSettings
    language: str
    device: str
    compute_type: str

    def run(self, file: Path) -> tuple[Sequence[HeardWord], Cost]:
        """Raises RunError."""
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            command = [*self.command(file), "--output_dir", folder]
            done, cost = timed(lambda: self._run(command, Path(folder)))
            if done.returncode != 0:
                raise RunError.of("whisperx", done.returncode, done.stderr)
            output = Path(folder) / f"{file.stem}.json"
            return words_of_whisperx(json.loads(output.read_text(encoding="utf-8"))), cost

    def command(self, file: Path) -> list[str]:
        settings = self.settings
        aligner = settings.align_models.get(self.language)
        return [
            str(Path(sys.executable).with_name("whisperx")),
            str(file.resolve()),
            *("--model", settings.asr_model, *(("--align_model", aligner) if aligner else ())),
            *("--diarize", "--diarize_model", settings.diarization_model, "--vad_method", "pyannote"),
            *("--chunk_size", f"{settings.asr_chunk_size:g}", "--compute_type", self.compute_type),
            *("--device", self.device, "--language", self.language, "--output_format", "json"),
        ]

    def _run(self, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        environment = self._environment(folder)
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours

    def _environment(self, folder: Path) -> Mapping[str, str]:
        """With ffmpeg in the PATH, and the folder of a local diarization model, whose modules its checkpoints name."""
        more: dict[str, Any] = {"PATH": f"{_ffmpeg_folder(folder)}{os.pathsep}{os.environ.get('PATH', '')}"}
        if Path(self.settings.diarization_model).is_dir():
            more["PYTHONPATH"] = self.settings.diarization_model
        if self.settings.hf_token is not None:
            more["HF_TOKEN"] = self.settings.hf_token.get_secret_value()
        return {**os.environ, **more}


def _ffmpeg_folder(folder: Path) -> str:
    """A folder with the program ffmpeg, with which whisperx decodes. Raises RunError where there is none."""
    if found := shutil.which("ffmpeg"):
        return str(Path(found).parent)
    try:
        program = importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        raise RunError("whisperx decodes with the program ffmpeg, which is not in the PATH: install it") from None
    links = folder / "bin"
    links.mkdir()
    (links / "ffmpeg").symlink_to(program)
    return str(links)
