"""Reading and writing job records in a transaction; the other columns are derived from the record at every write."""

import sqlite3
from datetime import UTC, datetime, timedelta

from ecg_api.standalone.storage.job_record import JobRecord, expires_at, facts
from ecg_callbacks.decision import callback_view
from ecg_callbacks.ports import Pending, pending_of


def get(connection: sqlite3.Connection, job_id: str) -> JobRecord | None:
    row = connection.execute("SELECT record FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
    return _record(row) if row else None


_COLUMNS = (
    "job_id",
    "uid",
    "state",
    "is_transcription",
    "callback_due",
    "callback_base",
    "callback_retried",
    "callback_state",
    "expires_at",
    "record",
)
_PUT = (
    f"INSERT INTO jobs ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608 - our own names
    f"ON CONFLICT (job_id) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in _COLUMNS[1:])}"
)


def get_by_uid(connection: sqlite3.Connection, uid: str) -> JobRecord | None:
    row = connection.execute("SELECT record FROM jobs WHERE uid = ?", (uid,)).fetchone()
    return _record(row) if row else None


def put(connection: sqlite3.Connection, job: JobRecord, now: datetime, ttl: timedelta) -> None:
    """Insert the job, or replace it in its place."""
    known, expiry = facts(job), expires_at(job, ttl)
    pending = pending_of(job.uid, job.delivery, known, now)
    values = (
        job.job_id,
        job.uid,
        job.state,
        job.is_transcription,
        pending.due_at.timestamp() if pending else None,
        pending.base if pending else None,
        bool(pending and pending.is_retried_terminal),
        callback_view(job.delivery, known).state,
        expiry.timestamp() if expiry else None,
        job.to_json(),
    )
    connection.execute(_PUT, values)


def remove(connection: sqlite3.Connection, job_id: str) -> None:
    connection.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,))


def count_in(connection: sqlite3.Connection, state: str) -> int:
    (count,) = connection.execute("SELECT count(*) FROM jobs WHERE state = ?", (state,)).fetchone()
    return int(count)


def next_queued(connection: sqlite3.Connection) -> JobRecord | None:
    """A transcription before every video, else the one that has waited longest."""
    query = "SELECT record FROM jobs WHERE state = 'queued' ORDER BY is_transcription DESC, seq LIMIT 1"
    row = connection.execute(query).fetchone()
    return _record(row) if row else None


def running(connection: sqlite3.Connection) -> list[JobRecord]:
    return _records(connection, "state = 'running'")


def pending_callbacks(connection: sqlite3.Connection) -> list[Pending]:
    """Without reading any record: it is asked after every change."""
    rows = connection.execute(
        "SELECT uid, callback_base, callback_due, callback_retried FROM jobs WHERE callback_due IS NOT NULL"
    )
    return [Pending(uid, base, datetime.fromtimestamp(due, UTC), bool(retried)) for uid, base, due, retried in rows]


def undelivered(connection: sqlite3.Connection) -> list[JobRecord]:
    return _records(connection, "callback_state IN ('undelivered', 'rejected')")


def expired(connection: sqlite3.Connection, now: datetime) -> list[JobRecord]:
    return _records(connection, "expires_at IS NOT NULL AND expires_at <= ?", now.timestamp())


def everything(connection: sqlite3.Connection) -> list[JobRecord]:
    return _records(connection, "1")


def _records(connection: sqlite3.Connection, condition: str, *values: object) -> list[JobRecord]:
    rows = connection.execute(f"SELECT record FROM jobs WHERE {condition} ORDER BY seq", values)  # noqa: S608 - ours
    return [_record(row) for row in rows]


def _record(row: tuple[str]) -> JobRecord:
    return JobRecord.model_validate_json(row[0])
