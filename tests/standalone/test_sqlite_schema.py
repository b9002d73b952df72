"""The database of jobs: what it does with another release's, and what its indexes are for."""

from datetime import timedelta
from pathlib import Path

import pytest

from ecg_api.errors import StoreUnavailableError
from ecg_api.ports import JobQuery, SubmitOutcome
from ecg_api.standalone.storage.database import Database
from ecg_api.standalone.storage.run_queue import RunQueue
from ecg_api.standalone.storage.storage import Storage
from ecg_api.standalone.storage.store import SqliteStore
from ecg_contract.languages import Language
from support.sqlite_storage import Clock, open_storage
from support.submissions import submission


async def test_a_database_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "jobs.sqlite3")
    await database.query(lambda c: c.execute("PRAGMA user_version = 99"))
    database.close()
    with pytest.raises(StoreUnavailableError, match="has schema 99"):
        Database(tmp_path / "jobs.sqlite3")


_MOMENT = timedelta(milliseconds=1)
FROM_4_TO_2 = (
    "DROP INDEX jobs_listed",
    "ALTER TABLE jobs DROP COLUMN metadata",
    "ALTER TABLE jobs DROP COLUMN submitted_at",
    "ALTER TABLE jobs DROP COLUMN language",
    "PRAGMA user_version = 2",
)


async def test_a_database_of_an_earlier_release_is_listed(storage: Storage, tmp_path: Path) -> None:
    before = SqliteStore(storage, queue_limit=3)
    await before.submit(submission("old", language=Language.JA))
    submitted_at = (await before.list_jobs(JobQuery())).jobs[0].submitted_at
    for statement in FROM_4_TO_2:
        await storage.database.query(lambda c, statement=statement: c.execute(statement))  # type: ignore[misc]
    with open_storage(tmp_path, Clock()) as opened:
        store = SqliteStore(opened, queue_limit=3)
        assert [job.job_id for job in (await store.list_jobs(JobQuery(language="ja"))).jobs] == ["old"]
        assert submitted_at is not None
        about = JobQuery(submitted_since=submitted_at - _MOMENT, submitted_before=submitted_at + _MOMENT)
        assert len((await store.list_jobs(about)).jobs) == 1


async def test_a_database_of_the_first_release_goes_on_with_its_jobs(storage: Storage, tmp_path: Path) -> None:
    await SqliteStore(storage, queue_limit=3).submit(submission("old"))
    backwards = (
        *FROM_4_TO_2,
        "DROP INDEX jobs_recent",
        "DROP INDEX jobs_claim",
        "ALTER TABLE jobs DROP COLUMN priority",
        "CREATE INDEX jobs_claim ON jobs (state, is_transcription DESC, seq)",
        "PRAGMA user_version = 1",
    )
    for statement in backwards:
        await storage.database.query(lambda c, statement=statement: c.execute(statement))  # type: ignore[misc]
    with open_storage(tmp_path, Clock()) as opened:
        assert await SqliteStore(opened, queue_limit=3).submit(submission("new", priority=1)) is SubmitOutcome.CREATED
        claimed = [await RunQueue(opened).claim() for _ in range(2)]
    assert [job.job_id for job in claimed if job] == ["new", "old"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT record FROM jobs WHERE state = 'queued' ORDER BY is_transcription DESC, priority DESC, seq LIMIT 1",
        "SELECT record FROM jobs WHERE state = 'completed' ORDER BY seq DESC LIMIT 20",
        "SELECT uid FROM jobs WHERE callback_due IS NOT NULL",
        "SELECT record FROM jobs WHERE expires_at IS NOT NULL AND expires_at <= 1",
        "SELECT seq FROM jobs WHERE callback_state IN ('undelivered', 'rejected')",
        "SELECT seq FROM jobs WHERE seq < 9 AND language = 'ko' AND submitted_at >= 1 AND state IN ('failed') "
        "ORDER BY seq DESC LIMIT 51",
        "SELECT seq FROM jobs WHERE instr(metadata, 'x') > 0 ORDER BY seq DESC LIMIT 51",
    ],
)
async def test_no_question_reads_the_whole_table(storage: Storage, query: str) -> None:
    plan = await storage.database.query(lambda c: c.execute(f"EXPLAIN QUERY PLAN {query}").fetchall())
    assert all("USING INDEX" in row[3] or "USING COVERING INDEX" in row[3] for row in plan), plan
