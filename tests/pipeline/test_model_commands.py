"""`--pull-models`, `--list-models`, `--verify-models` against a server that plays the hub; jobs that may not ask it."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecg_dev.waiting import wait_until
from support.hub_models import ALIGNERS, DIARIZATION, EMOTIONS, WHISPER
from support.model_hub import CONSENTING, STRANGER, Fault, ModelHub, commit_of, digest_of, hub_environment
from support.pipeline_process import ROOT, PipelineProcess, make_job
from support.sounds import voice, write_wav

pytestmark = pytest.mark.timeout(240)
Command = Callable[..., tuple[int, list[str]]]
REPOSITORIES = {WHISPER, DIARIZATION, *ALIGNERS.values(), *EMOTIONS.values()}


@pytest.fixture
def hub() -> Iterator[ModelHub]:
    with ModelHub() as hub:
        yield hub


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "hf"


@pytest.fixture
def models(hub: ModelHub, home: Path) -> Command:
    """Run `python -m ecg_pipeline --WHAT-models --languages en,ko`; exit status and lines."""

    def run(what: str, languages: str = "en,ko", **more: str) -> tuple[int, list[str]]:
        command = [sys.executable, "-m", "ecg_pipeline", f"--{what}-models", "--languages", languages]
        given = hub_environment(hub, home, **{"HF_TOKEN": "", "HUB_TIMEOUT_S": "1", **more})
        done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
        assert done.returncode in (0, 1), done.stderr
        return done.returncode, done.stdout.splitlines()

    return run


def manifest(home: Path) -> dict[str, object]:
    return dict(json.loads((home / "hub/ecg-models.json").read_text()))


def test_the_configured_models_are_brought_in_once_and_recorded(hub: ModelHub, models: Command, home: Path) -> None:
    status, lines = models("pull", HF_TOKEN=CONSENTING)
    assert (status, lines[-1].partition(",")[0]) == (0, "6 repositories"), lines
    stored = {model["repository"]: model for model in manifest(home)["models"]}  # type: ignore[attr-defined]
    assert manifest(home)["state"] == "complete"
    assert set(stored) == REPOSITORIES
    assert stored[WHISPER]["commit"] == commit_of(WHISPER)
    digests = {file["name"]: file["digest"] for file in stored[WHISPER]["files"]}
    assert digests["model.bin"] == digest_of(hub.root / WHISPER / "model.bin")
    hub.requests.clear()
    assert models("pull")[0] == 0, "nothing is asked, a token is not needed"
    assert models("list")[0] == 0
    status, lines = models("verify")
    assert (status, [line.endswith("every digest is right") for line in lines]) == (0, [True] * 6)
    assert hub.requests == []


@pytest.mark.parametrize(
    ("token", "says"),
    [("", "needs a token, and HF_TOKEN is not set"), (STRANGER, "has no access to"), ("hf_x", "refuses HF_TOKEN")],
)
def test_what_cannot_be_had_is_said_and_the_rest_is_there(models: Command, home: Path, token: str, says: str) -> None:
    status, lines = models("pull", HF_TOKEN=token)
    failed = [line for line in lines if line.startswith("FAIL")]
    if token == "hf_x":  # the hub refuses a wrong token for every model
        assert (status, len(failed), says in failed[0]) == (1, 6, True)
        return
    assert (status, len(failed), says in failed[0]) == (1, 1, True)
    assert (manifest(home)["state"], says in str(manifest(home)["failures"])) == ("failed", True)
    status, lines = models("list")
    assert [line.partition(":")[0] for line in lines if not line.startswith("OK")] == ["LACKS diarization"]


def test_a_pull_that_broke_off_goes_on(hub: ModelHub, models: Command, home: Path) -> None:
    hub.break_down(Fault("cut", f"{WHISPER}/model.bin"))
    assert models("pull", "en", HF_TOKEN=CONSENTING)[0] == 1
    assert manifest(home)["state"] == "failed"
    hub.break_down()
    assert models("pull", "en", HF_TOKEN=CONSENTING)[0] == 0
    assert manifest(home)["state"] == "complete"


def test_a_damaged_file_is_found_and_downloaded_again(hub: ModelHub, models: Command, home: Path) -> None:
    assert models("pull", "en", HF_TOKEN=CONSENTING)[0] == 0
    blob = (home / f"hub/models--{WHISPER.replace('/', '--')}/snapshots/{commit_of(WHISPER)}/model.bin").resolve()
    blob.write_bytes(b"x" * blob.stat().st_size)
    status, lines = models("verify", "en")
    assert (status, lines[0]) == (
        1,
        "FAIL  transcription: base: damaged: model.bin; ecg models pull downloads them again",
    )
    assert models("pull", "en", HF_TOKEN=CONSENTING)[0] == 0
    assert models("verify", "en")[0] == 0


def test_a_pipeline_lacks_what_the_repositories_that_it_names_lack(models: Command, home: Path) -> None:
    repository, commit = home / "hub/models--a--own", "0" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text(commit)
    (repository / "snapshots" / commit).mkdir(parents=True)
    (repository / "snapshots" / commit / "config.yaml").write_text("params:\n  embedding: a/other\n  plda: $model\n")
    status, lines = models("list", DIARIZATION_MODEL="a/own")
    assert (status, lines[1]) == (1, "LACKS diarization: a/own; ecg models pull downloads it")
    status, lines = models("verify", DIARIZATION_MODEL="a/own")
    assert (status, "files are missing" in lines[1]) == (1, True)


def test_a_folder_that_cannot_be_written_is_said(models: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, lines = models("pull", HF_HUB_CACHE=str(tmp_path / "file/hub"))
    assert (status, lines) == (
        1,
        [f"FAIL  {tmp_path}/file/hub cannot be written: Not a directory; set HF_HOME to a folder that can be"],
    )


@pytest.fixture
def offline(hub: ModelHub, home: Path) -> Iterator[PipelineProcess]:
    """A process as in a pod whose models lie on a volume: offline, without a token."""
    own = {"HF_TOKEN": "", "HF_HUB_OFFLINE": "1", "MODELS_WAIT_S": "60", "EAGER_MODELS": "false"}
    process = PipelineProcess(hub_environment(hub, home, **own))
    yield process
    process.close()


def test_a_job_waits_for_models_that_are_on_their_way(
    hub: ModelHub, offline: PipelineProcess, models: Command, tmp_path: Path
) -> None:
    hub.break_down(Fault("slow", DIARIZATION, bytes_per_s=9_000_000))  # three seconds, in which the job reports
    job = make_job(write_wav(tmp_path / "sound.wav", voice(150, 2)), tmp_path / "result.json", language="en")
    pulling = threading.Timer(0, lambda: models("pull", "en", HF_TOKEN=CONSENTING))
    ran: list[object] = []
    running = threading.Thread(target=lambda: ran.append(offline.run(job)))
    running.start()
    wait_until(lambda: "model_awaited" in offline.log_text(), 60, offline.log_text)
    pulling.start()
    running.join(120)
    pulling.join()
    (done,) = ran
    assert done.exit_code == 0, offline.log_text()[-3000:]  # type: ignore[attr-defined]
    messages = {report.status.message for report in done.reports if report.status}  # type: ignore[attr-defined]
    assert any(message.startswith("모델 다운로드 중") for message in messages), offline.log_text()


def test_a_job_does_not_wait_for_a_model_that_nobody_brings(
    hub: ModelHub, offline: PipelineProcess, models: Command, tmp_path: Path
) -> None:
    assert models("pull", "en")[0] == 1, "no token for the diarization"
    hub.requests.clear()
    job = make_job(write_wav(tmp_path / "sound.wav", voice(150, 2)), tmp_path / "result.json", language="en")
    done = offline.run(job)
    assert done.exit_code == 13
    assert "not completely, in the cache" in done.status.error.message
    assert "when it was filled: diarization: " in done.status.error.message
    assert hub.requests == []
