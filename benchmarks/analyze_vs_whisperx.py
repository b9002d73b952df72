"""`ecg analyze` compared with the `whisperx` command: same models, same file, cold processes.

Both transcribe, align and diarize; `ecg analyze` also measures acoustic features and classifies emotion. The outputs
are compared first; then the commands run in turns, and the medians of the processes' wall and CPU time are printed. The
files are a clip, ten minutes, and two minutes with models of the default models' true shapes (random weights).
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from dotenv import dotenv_values

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from ecg_pipeline.media.decode import decode
from support.hub_models import ALIGNERS, DIARIZATION, EMOTIONS, TRUE, WHISPER, hub_models
from support.sounds import write_wav

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
SAMPLE = ROOT / "demo/samples/meeting_en.mp4"
TIME_TOLERANCE_S = 0.020

Words = list[tuple[str, float, float]]
Settings = dict[str, str]


@dataclass(frozen=True)
class Case:
    """A file of `repeats` times the sample, and the models."""

    name: str
    repeats: int
    runs: int
    settings: Callable[[], Settings]


@dataclass(frozen=True)
class Cost:
    """Time that one process took, in seconds."""

    wall: float
    cpu: float


def _demo() -> Settings:
    return {name: value for name, value in dotenv_values(ROOT / "demo/demo.env").items() if value is not None}


def _true_shapes() -> Settings:
    models = hub_models(TRUE)
    return {
        **_demo(),
        "ASR_MODEL": str(models / WHISPER),
        "ASR_CHUNK_SIZE": "30",
        "ALIGN_MODELS": json.dumps({"en": str(models / ALIGNERS["en"])}),
        "DIARIZATION_MODEL": str(models / DIARIZATION),
        "EMOTION_MODELS": json.dumps({"en": str(models / EMOTIONS["en"])}),
    }


CASES = (
    Case("20 s, demo models", 1, 5, _demo),
    Case("10 min, demo models", 29, 5, _demo),
    Case("2 min, true shapes", 6, 1, _true_shapes),
)


def main() -> None:
    for case in CASES:
        print(f"-- {case.name}")
        _run_case(case)


def _run_case(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wav = _sample_as_wav(Path(folder), case.repeats)
        ours, theirs = _arms(wav, Path(folder), case.settings())
        _compare(ours(), theirs())
        costs = [(_timed(ours), _timed(theirs)) for _ in range(case.runs)]
    _print_table([a for a, _ in costs], [b for _, b in costs])


def _arms(wav: Path, folder: Path, settings: Settings) -> tuple[Callable[[], Words], Callable[[], Words]]:
    (folder / "bin").mkdir()
    (folder / "bin/ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    environment = {**os.environ, **settings, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    rival_environment = environment | {"PYTHONPATH": settings["DIARIZATION_MODEL"]}  # for its checkpoint's module

    def ours() -> Words:
        out = folder / "ours.json"
        _run([BIN / "ecg", "analyze", wav, "--language", "en", "-o", out], environment)
        return [(w["word"], w["start_time"], w["end_time"]) for w in json.loads(out.read_text())["word_segments"]]

    def theirs() -> Words:
        _run([BIN / "whisperx", wav, *_rival_options(settings), "-o", folder], rival_environment)
        found = json.loads((folder / wav.with_suffix(".json").name).read_text())
        return [(w["word"], w["start"], w["end"]) for w in found["word_segments"]]

    return ours, theirs


def _rival_options(settings: Settings) -> list[str]:
    return [
        *("--model", settings["ASR_MODEL"], "--align_model", json.loads(settings["ALIGN_MODELS"])["en"]),
        *("--diarize", "--diarize_model", settings["DIARIZATION_MODEL"], "--chunk_size", settings["ASR_CHUNK_SIZE"]),
        *("--compute_type", settings["ASR_COMPUTE_TYPE"], "--device", "cpu", "--language", "en"),
        *("--vad_method", "pyannote", "--output_format", "json"),
    ]


def _sample_as_wav(folder: Path, repeats: int) -> Path:
    """The sample's sound, repeated, as a 16 kHz mono 16-bit file, which both commands decode identically."""
    target = folder / "sample.wav"
    samples = decode(SAMPLE).samples
    write_wav(target, np.tile(samples, repeats))
    return target


def _run(command: list[object], environment: dict[str, str]) -> None:
    done = subprocess.run(
        [str(c) for c in command], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stderr[-2000:]}")


def _compare(ours: Words, theirs: Words) -> None:
    if [w for w, _, _ in ours] != [w for w, _, _ in theirs]:
        sys.exit("the words differ")
    apart = max(max(abs(a - c), abs(b - d)) for (_, a, b), (_, c, d) in zip(ours, theirs, strict=True))
    print(f"outputs compared: {len(ours)} words equal, times at most {apart * 1000:.0f} ms apart")
    if apart > TIME_TOLERANCE_S:
        sys.exit("more than 20 ms apart: the commands did not do the same work")


def _timed(arm: Callable[[], Words]) -> Cost:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    arm()
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _print_table(ours: list[Cost], theirs: list[Cost]) -> None:
    print(f"{'':14}{'wall s':>10}{'(min..max)':>18}{'CPU s':>10}")
    for name, costs in (("ecg analyze", ours), ("whisperx", theirs)):
        walls = [c.wall for c in costs]
        spread = f"({min(walls):.1f}..{max(walls):.1f})"
        cpu = statistics.median(c.cpu for c in costs)
        print(f"{name:14}{statistics.median(walls):>10.2f}{spread:>18}{cpu:>10.2f}")
    ratios = [a.wall / b.wall for a, b in zip(ours, theirs, strict=True)]
    print(f"ratio of wall times, median of {len(ratios)} pair(s): {statistics.median(ratios):.2f} (goal: at most 0.50)")


if __name__ == "__main__":
    main()
