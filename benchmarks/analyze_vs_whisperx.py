"""`ecg analyze` compared with the `whisperx` command: same demo models, same 20 s file, cold processes.

Both transcribe, align and diarize; `ecg analyze` also measures acoustic features and classifies emotion. The outputs
are compared first; then the commands run in turns, and the medians of the processes' wall and CPU time are printed.
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

import av
import imageio_ffmpeg
from dotenv import dotenv_values

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
SAMPLE = ROOT / "demo/samples/meeting_en.mp4"
RUNS = 5
TIME_TOLERANCE_S = 0.020

Words = list[tuple[str, float, float]]


@dataclass(frozen=True)
class Cost:
    """Time that one process took, in seconds."""

    wall: float
    cpu: float


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        wav = _sample_as_wav(Path(folder))
        ours, theirs = _arms(wav, Path(folder))
        _compare(ours(), theirs())
        costs = [(_timed(ours), _timed(theirs)) for _ in range(RUNS)]
    _print_table([a for a, _ in costs], [b for _, b in costs])


def _arms(wav: Path, folder: Path) -> tuple[Callable[[], Words], Callable[[], Words]]:
    settings = {k: v for k, v in dotenv_values(ROOT / "demo/demo.env").items() if v is not None}
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


def _rival_options(settings: dict[str, str]) -> list[str]:
    return [
        *("--model", settings["ASR_MODEL"], "--align_model", json.loads(settings["ALIGN_MODELS"])["en"]),
        *("--diarize", "--diarize_model", settings["DIARIZATION_MODEL"], "--chunk_size", settings["ASR_CHUNK_SIZE"]),
        *("--compute_type", settings["ASR_COMPUTE_TYPE"], "--device", "cpu", "--language", "en"),
        *("--vad_method", "pyannote", "--output_format", "json"),
    ]


def _sample_as_wav(folder: Path) -> Path:
    """The sample's sound as a 16 kHz mono 16-bit file, which both commands decode identically."""
    target = folder / "sample.wav"
    with av.open(str(SAMPLE)) as source, av.open(str(target), "w") as sink:
        stream = sink.add_stream("pcm_s16le", rate=16_000, layout="mono")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
        for frame in [*source.decode(audio=0), None]:
            for piece in resampler.resample(frame):
                sink.mux(stream.encode(piece))
        sink.mux(stream.encode(None))
    return target


def _run(command: list[object], environment: dict[str, str]) -> None:
    done = subprocess.run(
        [str(c) for c in command], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stderr[-2000:]}")


def _compare(ours: Words, theirs: Words) -> None:
    if [w for w, _, _ in ours] != [w for w, _, _ in theirs]:
        sys.exit(f"the outputs differ:\n{ours}\n{theirs}")
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
    print(f"ratio of wall times, median of {RUNS} pairs: {statistics.median(ratios):.2f} (goal: at most 0.50)")


if __name__ == "__main__":
    main()
