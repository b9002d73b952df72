"""Faults of the host itself: a locked database, a process that cannot be started, downtime."""

import logging
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecg_api.ports import JobState
from ecg_api.standalone.child import Child, ChildStarter, Mode
from ecg_api.standalone.storage.changes import Changes
from ecg_api.standalone.storage.database import Database
from ecg_api.standalone.storage.job_files import JobFiles
from ecg_api.standalone.storage.run_queue import RunQueue, key_of
from ecg_api.standalone.storage.storage import Storage
from ecg_api.standalone.storage.store import SqliteStore
from ecg_api.standalone.warm_child import WarmChild
from ecg_contract.host_protocol import PipelineStatus
from ecg_dev.waiting import wait_until_async
from support.in_process_host import TIMEOUT_S, ended, host
from support.scripted_pipeline import ScriptedPipeline
from support.submissions import submission

_LAST_STEP = {"report_not_stored": "stage:vad", "attempt_end_not_stored": "fail:DOWNLOAD_ERROR"}
_END = {"report_not_stored": JobState.COMPLETED, "attempt_end_not_stored": JobState.FAILED}
JOB = submission("j", callback_base=None)


def starter(pipeline: ScriptedPipeline) -> ChildStarter:
    return ChildStarter(environment=pipeline.environment)


@pytest.mark.parametrize("event", ["report_not_stored", "attempt_end_not_stored"])
async def test_a_database_that_is_away_for_a_while_strands_no_job(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, event: str
) -> None:
    pipeline = ScriptedPipeline(tmp_path / "scripted", ["stage:download", "hold", _LAST_STEP[event]])
    with caplog.at_level(logging.INFO):
        async with host(tmp_path / "data", starter(pipeline)) as store:
            await store.submit(JOB)
            await wait_until_async(lambda: pipeline.has_done("hold"), TIMEOUT_S)
            with closing(sqlite3.connect(tmp_path / "data" / "jobs.sqlite3", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                pipeline.release()
                await wait_until_async(lambda: event in caplog.messages, TIMEOUT_S)
                other.execute("ROLLBACK")
            job = await ended(store)
            assert (job.state, job.attempt) == (_END[event], 1)


async def test_a_process_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    pipeline = ScriptedPipeline(tmp_path / "scripted")
    refusals = [OSError("Cannot allocate memory")]

    async def start(mode: Mode, work: Path, *, cpu: bool = False) -> Child:
        if refusals and mode is Mode.ANALYZE:
            raise refusals.pop()
        return await starter(pipeline)(mode, work, cpu=cpu)

    async with host(tmp_path / "data", start) as store:
        await store.submit(JOB)
        assert (await ended(store)).state is JobState.COMPLETED


async def test_the_time_that_the_host_was_switched_off_is_not_work(tmp_path: Path) -> None:
    yesterday = datetime.now(UTC) - timedelta(hours=20)
    await _leave_running(tmp_path / "data", yesterday)
    pipeline = ScriptedPipeline(tmp_path / "scripted")
    async with host(tmp_path / "data", starter(pipeline)) as store:
        assert (await ended(store)).state is JobState.COMPLETED


async def _leave_running(data_dir: Path, then: datetime) -> None:
    files = JobFiles(data_dir)
    with closing(Database(files.database)) as database:
        storage = Storage(database, files, Changes(), timedelta(days=1), lambda: then)
        await SqliteStore(storage, 10).submit(JOB)
        job = await RunQueue(storage).claim()
        assert job is not None
        await RunQueue(storage).report(key_of(job), PipelineStatus(attempt=1, heartbeat_time=then))


async def test_a_process_that_ends_for_gpu_memory_gets_no_other_job(tmp_path: Path) -> None:
    pipeline = ScriptedPipeline(tmp_path / "scripted", ["gpu-memory:1"], [])
    async with host(tmp_path / "data", starter(pipeline), cpu_fallback=False) as store:
        await store.submit(JOB)
        assert (await ended(store)).state is JobState.FAILED
        await store.submit(JOB)
        assert (await ended(store)).state is JobState.COMPLETED


async def test_an_upload_that_begins_as_soon_as_the_host_answers_is_not_swept_away(tmp_path: Path) -> None:
    pipeline = ScriptedPipeline(tmp_path / "scripted")
    async with host(tmp_path / "data", starter(pipeline)) as store:
        slot = await store.slot("talk.wav")
        slot.path.write_bytes(b"RIFF")
        await wait_until_async(lambda: bool(pipeline.pids()), TIMEOUT_S)
        assert slot.path.exists()


async def test_a_cancelled_job_leaves_no_temporary_files_of_its_killed_process(tmp_path: Path) -> None:
    pipeline = ScriptedPipeline(tmp_path / "scripted", ["stage:download", "stop"])
    async with host(tmp_path / "data", starter(pipeline)) as store:
        await store.submit(JOB)
        await wait_until_async(lambda: pipeline.has_done("stop"), TIMEOUT_S)
        left = tmp_path / "data" / "work" / "analyze-1" / "ecg-pipeline-x"
        left.mkdir(parents=True)
        await store.delete("j")
        await wait_until_async(lambda: not left.exists(), TIMEOUT_S)


@pytest.mark.parametrize("folder", ["results", "fetched"])
async def test_a_file_that_a_removed_jobs_process_put_into_place_before_it_was_killed_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    pipeline = ScriptedPipeline(tmp_path / "scripted", ["stage:download", "stop"])
    if folder == "fetched":
        pipeline.fetching(j=["stop"])
    drop = WarmChild.drop
    written: list[Path] = []

    async def write_then_drop(child: WarmChild) -> None:
        """The process puts its file into place after the job's files were removed, before it is killed."""
        if pipeline.has_done("stop") and not written:
            written.append(tmp_path / "data" / folder / names[0])
            written[0].write_text("a transcript or a video")
        await drop(child)

    names: list[str] = []
    async with host(tmp_path / "data", starter(pipeline)) as store:
        await store.submit(JOB)
        await wait_until_async(lambda: pipeline.has_done("stop"), TIMEOUT_S)
        record = await store._load("j")
        assert record is not None
        names.append(f"{record.uid}-1.json" if folder == "results" else f"{record.uid}-1")
        monkeypatch.setattr(WarmChild, "drop", write_then_drop)
        await store.delete("j")
        await wait_until_async(lambda: bool(written) and not written[0].exists(), TIMEOUT_S)
