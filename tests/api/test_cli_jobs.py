"""`ecg submit`, `list`, `get`, `watch` and the others against the API on a real HTTP server."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from ecg_api.cli.main import main
from ecg_api.http.app import create_app
from ecg_api.http.key_file import new_key
from ecg_api.ports import JobState, JobView
from ecg_api.settings import Settings
from ecg_contract.host_protocol import PipelineError
from support.fake_store import FakeStore
from support.live_server import live_server
from support.submissions import submission
from support.wire_results import stored_result

VIDEO = "https://media.example/v.mp4"
Ecg = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ecg(
    store: FakeStore, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Ecg]:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        return (status, *capsys.readouterr())

    with live_server(create_app(settings, store, uploads=store, redelivery=store)) as url:
        monkeypatch.setenv("ECG_SERVER", url)
        yield run


def ended(store: FakeStore, job_id: str, state: JobState, folder: Path | None = None) -> None:
    store.put(submission(job_id))
    error = PipelineError(code="DOWNLOAD_ERROR", message="404") if state is JobState.FAILED else None
    asyncio.run(store.move(job_id, state, error=error, result=stored_result(folder) if folder else None))


def test_videos_are_submitted_with_their_options(ecg: Ecg, store: FakeStore) -> None:
    options = (
        "--language",
        "KO",
        "--metadata",
        "project=atlas",
        "--min-speakers",
        "2",
        "--no-emotion",
        "--priority",
        "3",
    )
    status, out, _ = ecg("submit", VIDEO, "s3://bucket/other.mp4", *options)
    assert (status, out.split()) == (0, list(store.jobs))
    for entry in store.jobs.values():
        sent = entry.submission.options
        assert (sent.language, sent.metadata, sent.min_speakers) == ("ko", {"project": "atlas"}, 2)
        assert (sent.emotion_detection, sent.enable_gpu, sent.priority) == (False, True, 3)


@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        ((VIDEO, VIDEO, "--job-id", "j"), 2, "--job-id is for a single URL"),
        ((VIDEO, "--metadata", "atlas"), 2, "--metadata takes NAME=VALUE, not atlas"),
        (("nowhere.mp4",), 2, "there is no file nowhere.mp4"),
        (("ftp://media.example/v.mp4",), 1, "video_url: has a scheme that is not read"),
        ((VIDEO, "--min-speakers", "3", "--max-speakers", "2"), 1, "num_speakers must lie between"),
    ],
)
def test_what_cannot_be_submitted_says_why(ecg: Ecg, arguments: tuple[str, ...], status: int, why: str) -> None:
    got, out, err = ecg("submit", *arguments)
    assert (got, out) == (status, "")
    assert why in err


def test_jobs_are_listed(ecg: Ecg, store: FakeStore) -> None:
    ended(store, "broken", JobState.FAILED)
    store.put(submission("waiting"))
    lines = ecg("list")[1].splitlines()
    assert [line.split()[-1] for line in lines] == ["waiting", "404"]
    assert "0% queued" in lines[0]
    assert lines[1].endswith("ko    broken  DOWNLOAD_ERROR: 404")
    assert [json.loads(line)["job_id"] for line in ecg("list", "--json", "--state", "queued")[1].splitlines()] == [
        "waiting"
    ]
    assert len(ecg("list", "--limit", "1")[1].splitlines()) == 1


def test_a_job_is_shown_stopped_run_again_and_removed(ecg: Ecg, store: FakeStore) -> None:
    store.put(submission("j"))
    assert json.loads(ecg("get", "j")[1])["stage"] == "queued"
    assert ecg("cancel", "j")[1] == "j: cancelled\n"
    assert ecg("watch", "j") == (1, "", "  0%  queued\nj: cancelled\n")
    assert ecg("retry", "j")[1] == "j: processing\n"
    assert ecg("callbacks", "j")[1] == "j: pending\n"
    assert ecg("attempts", "j")[1].split()[:2] == ["1", "auto"]
    assert ecg("delete", "j")[0] == 0
    assert ecg("get", "j") == (1, "", "ecg get: j: there is no job with this id\n")


def test_what_is_refused_of_one_job_keeps_nothing_from_the_others(ecg: Ecg, store: FakeStore) -> None:
    store.put(submission("one"))
    store.put(submission("two"))
    refusal = "ecg cancel: nobody: there is no job with this id\n"
    assert ecg("cancel", "one", "nobody", "two") == (1, "one: cancelled\ntwo: cancelled\n", refusal)
    status, out, err = ecg("submit", VIDEO, "ftp://media.example/v.mp4", "s3://bucket/other.mp4")
    assert (status, out.split()) == (1, list(store.jobs)[2:])
    assert len(store.jobs) == 4
    assert err.startswith("ecg submit: ftp://media.example/v.mp4: ")


def test_all_videos_are_submitted_before_the_first_is_watched(
    ecg: Ecg, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a server with room for several analyses them at the same time."""
    there, follow = list[int](), store.follow

    async def cancel_and_follow(job_id: str) -> AsyncIterator[JobView]:
        there.append(len(store.jobs))
        await store.cancel(job_id)
        async for view in follow(job_id):
            yield view

    monkeypatch.setattr(store, "follow", cancel_and_follow)
    status, out, err = ecg("submit", VIDEO, "s3://bucket/other.mp4", "--watch")
    first, second = store.jobs
    assert there == [2, 2]
    assert (status, out) == (1, f"{first}\n{second}\n")
    assert err == f"{first}:\n  0%  queued\n{first}: cancelled\n{second}:\n  0%  queued\n{second}: cancelled\n"


def test_a_result_is_printed_or_written(ecg: Ecg, store: FakeStore, tmp_path: Path) -> None:
    ended(store, "j", JobState.COMPLETED, tmp_path)
    assert json.loads(ecg("result", "j")[1])["language"] == "ko"
    assert ecg("watch", "j")[0] == 0
    output = tmp_path / "j.srt"
    assert ecg("result", "j", "-f", "srt", "-o", str(output))[0] == 0
    assert output.read_text().startswith("1\n00:00:01,500 --> ")
    assert ecg("result", "j", "-o", str(tmp_path / "no" / "folder"))[0] == 1


def test_a_file_is_sent_there(ecg: Ecg, store: FakeStore, tmp_path: Path) -> None:
    media = tmp_path / "v.mp4"
    media.write_bytes(b"x" * 100_000)
    status, out, _ = ecg("submit", str(media), "--language", "ja", "--metadata", "project=atlas", "--cpu")
    ((job_id, entry),) = store.jobs.items()
    assert (status, out.strip()) == (0, job_id)
    sent = entry.submission
    assert (sent.options.language, sent.options.metadata, sent.options.enable_gpu) == (
        "ja",
        {"project": "atlas"},
        False,
    )
    assert sent.source.path is not None
    assert sent.source.path.read_bytes() == media.read_bytes()


def test_a_server_that_asks_for_a_key_gets_it(
    store: FakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key, made = new_key("me")
    (tmp_path / "keys").write_text(made.to_line())
    with live_server(create_app(Settings(api_keys_file=tmp_path / "keys"), store)) as url:
        assert main(["list", "--server", url]) == 1
        assert "set ECG_API_KEY" in capsys.readouterr().err
        monkeypatch.setenv("ECG_API_KEY", key)
        assert main(["list", "--server", url]) == 0


def test_a_shell_completes_commands_and_options(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion"
    script.write_text(capsys.readouterr().out)
    ask = f"source {script}; COMP_WORDS=(ecg %s); COMP_CWORD=%d; _shtab_ecg 2>/dev/null; echo ${{COMPREPLY[*]}}"
    for words, place, wanted in (("ca", 1, ["cancel", "callbacks"]), ("list --st", 2, ["--state"])):
        done = subprocess.run(["bash", "-c", ask % (words, place)], capture_output=True, text=True, check=True)
        assert set(wanted) <= set(done.stdout.split()), done


def test_a_server_that_is_down_is_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--server", "http://127.0.0.1:9"]) == 1
    assert "http://127.0.0.1:9 does not answer" in capsys.readouterr().err
