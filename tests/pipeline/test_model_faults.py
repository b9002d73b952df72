"""What a job says, how long it takes, what is left in the cache and what the next job does, fault by fault.

Whisper and the diarization come from a server that plays the hub and are loaded by their libraries; the rest is played.
"""

import importlib
import re
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ecg_contract.host_protocol import PipelineStatus
from ecg_pipeline.analysis.model_cache import ModelCache
from ecg_pipeline.engines.libraries import Libraries
from ecg_pipeline.hosts.standalone.file_sink import FileSink
from ecg_pipeline.ports import OnModelDownload
from ecg_pipeline.process.job_runner import JobRunner
from ecg_pipeline.process.logs import JobFields
from ecg_pipeline.settings import PipelineSettings
from support.fake_engines import FakeEngines, FakeReporter
from support.hub_models import DIARIZATION, SMALLER_WHISPER, WHISPER
from support.model_hub import CONSENTING, STRANGER, Fault, ModelHub, digest_of
from support.pipeline_process import make_job
from support.sounds import voice, write_wav

pytestmark = pytest.mark.timeout(180)
_TIMEOUT_S = 1.0
_WEIGHTS = f"{WHISPER}/model.bin"


@dataclass
class HubEngines(FakeEngines):
    """Whisper and, on demand, the diarization are real."""

    real: Any = None
    is_diarization_real: bool = False

    def watch_downloads(self, listener: OnModelDownload) -> None:
        self.real.watch_downloads(listener)

    def transcriber(self, name: str, device: str, compute_type: str, *, cached_only: bool = False) -> Any:
        self.real.transcriber(name, device, compute_type, cached_only=cached_only)
        return self._loaded("transcriber", name, compute_type)

    def diarizer(self, device: str) -> Any:
        return self.real.diarizer(device) if self.is_diarization_real else super().diarizer(device)


@dataclass
class Host:
    """Runs jobs one after another, as one process does."""

    folder: Path
    settings: dict[str, Any]
    is_diarization_real: bool = False
    reporter: FakeReporter = field(default_factory=FakeReporter)
    models: ModelCache = field(default_factory=ModelCache)

    def __post_init__(self) -> None:
        settings = PipelineSettings(hub_timeout_s=_TIMEOUT_S, **self.settings)
        engines = HubEngines(real=Libraries(settings), is_diarization_real=self.is_diarization_real)
        self._runner = JobRunner(settings, engines, self.reporter, FileSink(), JobFields(), models=self.models)
        self._sound = write_wav(self.folder / "sound.wav", voice(150, 1))

    def run(self) -> tuple[int, str, PipelineStatus]:
        """Exit code, the error's message or the notes, and the last status."""
        code = self._runner.run(make_job(self._sound, self.folder / "result.json", language="en"))
        status = self.reporter.statuses[-1]
        return code, status.error.message if status.error else " ".join(status.notes), status

    def end_loads(self) -> None:
        """Wait for the models that a job which failed began to load."""
        self.models.submit("last", None, lambda: None).result()


@pytest.fixture(scope="module")
def one_hub() -> Iterator[ModelHub]:
    for library in ("asr", "diarization"):  # imported before times are measured
        importlib.import_module(f"ecg_pipeline.engines.{library}")
    with ModelHub() as hub:
        yield hub


@pytest.fixture
def hub(one_hub: ModelHub) -> ModelHub:
    one_hub.break_down()
    return one_hub


@pytest.fixture
def cache(hub: ModelHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache's folder, empty."""
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, "")
    return tmp_path / "hf/hub"


@pytest.fixture
def host(tmp_path: Path, cache: Path) -> Iterator[Callable[..., Host]]:
    hosts: list[Host] = []

    def make(real_diarization: bool = False, **settings: Any) -> Host:
        given = {"hf_token": CONSENTING, "hf_hub_offline": False, **settings}
        hosts.append(Host(tmp_path, given, real_diarization))
        return hosts[-1]

    yield make
    for one in hosts:
        one.end_loads()


def blobs(cache: Path, repository: str = WHISPER) -> dict[str, Path]:
    """The repository's blobs by the name of their file; `model.bin.incomplete` where that is not complete."""
    names = {digest_of(path): path.name for path in (ModelHub().root / repository).rglob("*") if path.is_file()}
    found = (cache / f"models--{repository.replace('/', '--')}" / "blobs").glob("*")
    return {names[blob.name[:64].partition(".")[0]] + blob.suffix: blob for blob in found}


@contextmanager
def _small_disk() -> Iterator[None]:
    """No file may grow beyond 1 MB."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def _away(hub: ModelHub) -> AbstractContextManager[None]:
    return hub.away()


def _disk(_: ModelHub) -> AbstractContextManager[None]:
    return _small_disk()


def _there(_: ModelHub) -> AbstractContextManager[None]:
    return nullcontext()


FAILING = {
    "away": ([], _away, "does not give Systran/faster-whisper-base: no connection", None),
    "hangs": ([Fault("hang", WHISPER)], _there, "it does not answer; check the network", None),
    "hangs at the weights": ([Fault("hang", _WEIGHTS)], _there, "it does not answer; check the network", 0),
    "answers 503": ([Fault("status", _WEIGHTS)], _there, "it answers 503", 0),
    "cuts": ([Fault("cut", _WEIGHTS)], _there, "the connection broke", 2000),
    "resets": ([Fault("reset", _WEIGHTS)], _there, "the connection broke", None),
    "stalls": ([Fault("stall", _WEIGHTS)], _there, "it does not answer", None),
    "ends early": ([Fault("short", _WEIGHTS)], _there, "it ended after 2000 of", 2000),
    "corrupts": ([Fault("corrupt", _WEIGHTS)], _there, "arrives damaged from the model hub", None),
    "disk full": ([], _disk, "is full: Systran/faster-whisper-base is not stored; free some space", 1_000_000),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_download_that_fails_is_said_and_tried_again_by_the_next_job(
    name: str, hub: ModelHub, cache: Path, host: Callable[..., Host], figure: Callable[[str], None]
) -> None:
    faults, circumstances, message, left = FAILING[name]
    one = host(asr_fallback=False)
    hub.break_down(*faults)
    began = time.monotonic()
    with circumstances(hub):
        code, said, _ = one.run()
    took = time.monotonic() - began
    assert code == 13
    assert message in said
    assert said.startswith("모델을 불러올 수 없습니다: Whisper base: ")
    assert "model.bin" not in blobs(cache)
    if left is not None:
        found = blobs(cache).get("model.bin.incomplete")
        assert (found.stat().st_size if found else 0) == left
    assert took < 2.5 * _TIMEOUT_S + 5, "it was waited for longer than the limit"
    figure(f"hub {name}: failed after {took:.1f} s (limit of a request {_TIMEOUT_S} s): {said}")
    hub.break_down()
    assert one.run()[:2] == (0, "")
    assert set(blobs(cache)) == {"config.json", "model.bin", "tokenizer.json", "vocabulary.txt"}


PASSING = {
    "cuts once": Fault("cut", _WEIGHTS, after=100_000, times=1),
    "resets once": Fault("reset", _WEIGHTS, after=100_000, times=1),
    "stalls once": Fault("stall", _WEIGHTS, after=100_000, times=1),
    "ends early once": Fault("short", _WEIGHTS, after=100_000, times=1),
    "cuts every 300 kB": Fault("cut", _WEIGHTS, after=300_000),
    "corrupts once": Fault("corrupt", _WEIGHTS, times=1),
    "answers 503 once": Fault("status", WHISPER, times=1),
    "is slow": Fault("slow", _WEIGHTS, bytes_per_s=1_000_000),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_waited_for_and_no_smaller_model_taken(
    name: str, hub: ModelHub, cache: Path, host: Callable[..., Host]
) -> None:
    hub.break_down(PASSING[name])
    assert host().run()[:2] == (0, "")
    assert blobs(cache)["model.bin"].stat().st_size == (hub.root / _WEIGHTS).stat().st_size
    assert hub.asked(SMALLER_WHISPER) == []


@pytest.mark.parametrize("kind", ["hang", "status", "cut", "corrupt"])
def test_a_full_cache_asks_nothing(kind: Any, hub: ModelHub, host: Callable[..., Host]) -> None:
    host().run()
    hub.break_down(Fault(kind))
    assert host().run()[:2] == (0, "")
    assert hub.requests == []


def test_a_smaller_model_is_named_and_the_next_job_has_the_configured_one(
    hub: ModelHub, host: Callable[..., Host]
) -> None:
    one = host()
    hub.break_down(Fault("status", WHISPER))
    code, notes, _ = one.run()
    assert (code, notes) == (13, notes)
    assert "it answers 503" in notes, "the smaller ones are not downloaded from a hub that is away"
    hub.break_down(Fault("corrupt", _WEIGHTS))
    assert one.run()[:2] == (0, "Whisper base did not load (damaged), tiny is used")
    hub.break_down(Fault("status", WHISPER))
    assert one.run()[:2] == (0, "Whisper base did not load (hub away), tiny is used")
    hub.break_down()
    assert one.run()[:2] == (0, "")


def _overwrite(blob: Path) -> None:
    blob.write_bytes(bytes(blob.stat().st_size))


@pytest.mark.parametrize("file", ["model.bin", "config.json", "tokenizer.json"])
def test_a_file_damaged_in_the_cache_is_downloaded_once_more(
    file: str, hub: ModelHub, cache: Path, host: Callable[..., Host]
) -> None:
    host().run()
    _overwrite(blobs(cache)[file])
    hub.break_down()
    assert host().run()[:2] == (0, "")
    assert digest_of(hub.root / WHISPER / file) == blobs(cache)[file].name
    assert len(hub.requests) <= 3, "more than the listing and the file was asked for"


def test_a_damaged_file_and_no_hub_is_said(hub: ModelHub, cache: Path, host: Callable[..., Host]) -> None:
    host().run()
    _overwrite(blobs(cache)["model.bin"])
    one = host(asr_fallback=False)
    with hub.away():
        code, said, _ = one.run()
    assert code == 13
    assert "no connection" in said
    assert "model.bin" not in blobs(cache)
    assert one.run()[:2] == (0, "")


TOKENS = {
    "no token": (None, f"{DIARIZATION} needs a token, and HF_TOKEN is not set; accept the conditions on https://"),
    "wrong token": ("hf_wrong", "the model hub refuses HF_TOKEN; set HF_TOKEN to a valid token"),
    "no consent": (STRANGER, f"the owner of HF_TOKEN has no access to {DIARIZATION}; accept the conditions"),
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_refusal_is_told_apart_and_heals(
    name: str, hub: ModelHub, cache: Path, host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    token, message = TOKENS[name]
    one = host(real_diarization=True, hf_token=token)
    code, said, _ = one.run()
    assert code == 13
    assert f"diarization {DIARIZATION}: {message}" in said
    assert len(hub.asked(DIARIZATION)) <= 3, "a refusal was tried again"
    monkeypatch.setitem(hub.tokens, token or "", True)
    monkeypatch.setattr(hub, "gated", set())
    assert one.run()[:2] == (0, "")
    hub.break_down()
    monkeypatch.undo()
    assert hub.requests == []


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        (
            "asr_model",
            "team/nothing",
            f"(it answers 404); check ASR_MODEL, where a relative folder counts from {Path.cwd()}",
        ),
        ("asr_model", "huge", "huge is neither a folder nor a Whisper size (tiny.en"),
        ("asr_model", "./here/whisper", "there is no folder ./here/whisper, looked for from /"),
        ("diarization_model", "/nope", "there is no folder /nope, looked for from /"),
        ("diarization_model", "team/nothing", "the model hub has no team/nothing (it answers 404)"),
        ("hf_hub_offline", True, "is not, or not completely, in the cache"),
    ],
)
def test_a_name_that_leads_nowhere_is_told_apart(
    setting: str, value: Any, message: str, cache: Path, host: Callable[..., Host]
) -> None:
    one = host(real_diarization=setting == "diarization_model", **{setting: value})
    code, said, _ = one.run()
    assert code == 13
    assert message in said


def test_a_download_is_shown_while_it_runs(
    hub: ModelHub, cache: Path, host: Callable[..., Host], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    hub.break_down(Fault("slow", _WEIGHTS, bytes_per_s=800_000))
    one = host(progress_seconds=0.1)
    assert one.run()[0] == 0
    shown = [status.message for status in one.reporter.statuses if "모델 다운로드 중" in status.message]
    percents = [int(re.findall(r"faster-whisper-base (\d+)% ", message)[0]) for message in shown]
    assert percents == sorted(percents)
    assert len(set(percents)) > 2
    assert shown[0].endswith("/2 MB)")
    records = {record.message: record.__dict__ for record in caplog.records}
    size = sum((hub.root / WHISPER / name).stat().st_size for name in blobs(cache))
    assert records["model_download_started"]["total_bytes"] == size
    assert records["model_download_finished"]["bytes"] == size
    loaded = next(r.__dict__ for r in caplog.records if r.message == "model_loaded" and "base" in r.__dict__["model"])
    assert loaded["download_seconds"] > 1 > loaded["seconds"]


def test_a_download_that_broke_off_goes_on_where_it_ended(
    hub: ModelHub, cache: Path, host: Callable[..., Host]
) -> None:
    hub.break_down(Fault("cut", _WEIGHTS, after=500_000, times=1), Fault("status", _WEIGHTS))
    assert host(asr_fallback=False).run()[0] == 13
    assert blobs(cache)["model.bin.incomplete"].stat().st_size == 500_000
    hub.break_down()
    assert host(asr_fallback=False).run()[0] == 0
    assert [request.status for request in hub.asked("/cdn/") if "model.bin" in request.path] == [206]


def test_why_an_aligner_does_not_load_is_said(one_hub: ModelHub, tmp_path: Path) -> None:
    from ecg_pipeline.engines.alignment import CtcAligner  # noqa: PLC0415 - imported by the fixture's process
    from ecg_pipeline.engines.cores import Cores  # noqa: PLC0415

    with pytest.raises(OSError, match="no file named"):
        CtcAligner.load("en", str(tmp_path), "cpu", Cores(1), None)
