"""`ecg bench` with the demo models."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ecg_contract.host_protocol import Part
from ecg_contract.languages import Language
from ecg_pipeline.bench.pipeline_run import RunError, run_pipeline
from ecg_pipeline.bench.request import BenchRequest
from ecg_pipeline.bench.rival import Rival
from ecg_pipeline.media.decode import decode
from ecg_pipeline.ports import SAMPLE_RATE
from ecg_pipeline.settings import PipelineSettings
from support.pipeline_process import ROOT, demo_environment
from support.sounds import write_wav

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "clip.wav", decode(ROOT / "demo/samples/meeting_en.mp4", 60).samples[: 6 * SAMPLE_RATE])


def _bench(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ecg_api.cli", "bench", *map(str, arguments)]
    return subprocess.run(command, env=demo_environment(**settings), capture_output=True, text=True, check=False)


def test_it_tells_each_part_and_compares_with_whisperx(clip: Path, tmp_path: Path) -> None:
    done = _bench(clip, "--against", "whisperx", "--json", tmp_path / "figures.json")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("machine: ")
    assert lines[1].startswith("clip.wav: 6.0 s, ")
    assert {line.split(" ")[0] for line in lines[3:9]} == set(Part)
    (figures,) = json.loads((tmp_path / "figures.json").read_text())["files"]
    assert figures["difference_from_whisperx"] == {
        "words": figures["words"],
        "other_words": 0,
        "other_speakers": 0,
        "seconds_apart": pytest.approx(0, abs=0.02),
    }
    assert figures["words"] > 5
    wall = figures["cost"]["wall"]
    assert 0 < sum(part["seconds"] for part in figures["parts"].values()) < 2 * wall
    assert 0 < figures["processing_seconds"] < wall
    (pair,) = figures["pairs"]
    assert figures["ratio_of_wall_times"] == pair["ecg_analyze"]["wall"] / pair["whisperx"]["wall"]


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_measured(clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    done = _bench(broken, clip, "--json", tmp_path / "figures.json")
    assert done.returncode == 1
    assert f"{broken}: AUDIO_EXTRACTION_ERROR: " in done.stderr
    assert [file["file"] for file in json.loads((tmp_path / "figures.json").read_text())["files"]] == [str(clip)]


@pytest.mark.parametrize(("arguments", "why"), [(["/nope.mp4"], "there is no file /nope.mp4"), (["--runs", "0"], "1")])
def test_what_makes_no_sense_is_refused(clip: Path, arguments: list[str], why: str) -> None:
    done = _bench(clip, *arguments)
    assert done.returncode == 2
    assert why in done.stderr


def test_without_a_gpu_there_is_nothing_to_check(clip: Path) -> None:
    done = _bench(clip, "--gpu-check", PATH="/nowhere")
    assert done.returncode == 1
    assert "no GPU is found" in done.stderr


def test_a_process_that_dies_is_told_with_its_last_words(clip: Path) -> None:
    program = [sys.executable, "-c", "import sys; sys.exit('the last words')"]
    with pytest.raises(RunError, match="status 1:\nthe last words"):
        run_pipeline(clip, BenchRequest(files=(clip,)), program=program)


def test_the_rival_gets_the_same_models(clip: Path) -> None:
    settings = PipelineSettings(asr_model="large-v3", align_models={"ko": "some/aligner"}, asr_chunk_size=20)
    korean = Rival(settings, Language.KO.value, "cuda", "float16").command(clip)
    pairs = dict(itertools.pairwise(korean))
    assert pairs["--model"] == "large-v3"
    assert pairs["--align_model"] == "some/aligner"
    assert (pairs["--device"], pairs["--compute_type"], pairs["--chunk_size"]) == ("cuda", "float16", "20")
    assert "--align_model" not in Rival(settings, "ja", "cpu", "int8").command(clip)
