"""The table of jobs. Every column but the record is derived from the record at every write."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ecg_api.ports import JobQuery, JobState
from ecg_api.standalone.storage.job_record import JobRecord, expires_at, facts, language_of
from ecg_callbacks.decision import callback_view
from ecg_callbacks.ports import Pending, pending_of
from ecg_contract.pace import Pace, updated

_PACE_JOBS = 20
_QUEUE_ORDER = "is_transcription DESC, priority DESC, seq"
_UPLOADED = "is_transcription = 1 AND json_extract(record, '$.source.path') IS NOT NULL"
_COLUMNS = (
    "job_id",
    "uid",
    "state",
    "is_transcription",
    "priority",
    "callback_due",
    "callback_base",
    "callback_retried",
    "callback_state",
    "expires_at",
    "submitted_at",
    "language",
    "metadata",
    "record",
)
_PUT = (
    f"INSERT INTO jobs ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608 - our own names
    f"ON CONFLICT (job_id) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in _COLUMNS[1:])}"
)


class FirstStep(StrEnum):
    """What is done first with a queued job."""

    FETCH = "fetch"
    """Its media is downloaded; or is here, of a video that was uploaded, and waits with the downloads."""
    ANALYZE = "analyze"
    """A transcription of an upload, which somebody waits for: it passes the downloads by."""


_BEGINS_WITH = {None: "1", FirstStep.FETCH: f"NOT ({_UPLOADED})", FirstStep.ANALYZE: _UPLOADED}


def _line(name: str, value: str) -> str:
    """A name and its value as the column `metadata` has them; JSON has no line breaks of its own."""
    return f"\n{name}={json.dumps(value)}\n"


@dataclass(frozen=True, slots=True)
class JobTable:
    """The table at one moment; `ttl` is how long a finished job is kept."""

    connection: sqlite3.Connection
    now: datetime
    ttl: timedelta

    def get(self, job_id: str) -> JobRecord | None:
        return next(iter(self._records("job_id = ?", job_id)), None)

    def get_by_uid(self, uid: str) -> JobRecord | None:
        return next(iter(self._records("uid = ?", uid)), None)

    def put(self, job: JobRecord) -> None:
        """Insert the job, or replace it in its place."""
        known, expiry = facts(job), expires_at(job, self.ttl)
        pending = pending_of(job.uid, job.delivery, known, self.now)
        values = (
            job.job_id,
            job.uid,
            job.state,
            job.is_transcription,
            job.priority,
            pending.due_at.timestamp() if pending else None,
            pending.base if pending else None,
            bool(pending and pending.is_retried_terminal),
            callback_view(job.delivery, known).state,
            expiry.timestamp() if expiry else None,
            job.submitted_at.timestamp(),
            language_of(job),
            "".join(_line(*pair) for pair in job.metadata.items()),
            job.to_json(),
        )
        self.connection.execute(_PUT, values)

    def remove(self, job_id: str) -> None:
        self.connection.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,))

    def count_in(self, state: JobState) -> int:
        (count,) = self.connection.execute("SELECT count(*) FROM jobs WHERE state = ?", (state,)).fetchone()
        return int(count)

    def count_queued_of(self, submitter: str) -> int:
        query = "SELECT count(*) FROM jobs WHERE state = 'queued' AND json_extract(record, '$.submitter') = ?"
        (count,) = self.connection.execute(query, (submitter,)).fetchone()
        return int(count)

    def next_queued(self, step: FirstStep | None = None) -> JobRecord | None:
        """A transcription before every video, then by priority, then the one that has waited longest."""
        queued = self._records(f"state = 'queued' AND {_BEGINS_WITH[step]}", order=f"{_QUEUE_ORDER} LIMIT 1")
        return queued[0] if queued else None

    def pace(self) -> Pace | None:
        """Running means over the jobs that were completed last."""
        pace = None
        for job in reversed(self._records("state = 'completed'", order=f"seq DESC LIMIT {_PACE_JOBS}")):
            if job.result is not None:
                pace = updated(pace, job.worked_s, job.result.duration)
        return pace

    def running(self) -> list[JobRecord]:
        return self._records("state = 'running'")

    def pending_callbacks(self) -> list[Pending]:
        """Read from the columns alone: the deliverer asks after every change."""
        rows = self.connection.execute(
            "SELECT uid, callback_base, callback_due, callback_retried, state IN ('completed', 'failed') FROM jobs "
            "WHERE callback_due IS NOT NULL"
        )
        return [
            Pending(uid, base, datetime.fromtimestamp(due, UTC), bool(retried), bool(ended))
            for uid, base, due, retried, ended in rows
        ]

    def page(self, query: JobQuery, before: int | None) -> tuple[list[JobRecord], int | None]:
        """The newest jobs that `query` names, of those in the table `before` that row; the row of the last one if there
        are more. The rows are found in an index that holds all conditions."""
        conditions: dict[str, object] = {
            "seq < ?": before,
            "language = ?": query.language,
            "submitted_at >= ?": query.submitted_since and query.submitted_since.timestamp(),
            "submitted_at < ?": query.submitted_before and query.submitted_before.timestamp(),
        }
        given = {text: value for text, value in conditions.items() if value is not None}
        texts, values = ["1", *given], [*given.values()]
        if query.states:
            texts.append(f"state IN ({', '.join('?' * len(query.states))})")
            values += sorted(query.states)
        if query.undelivered:
            texts.append("callback_state IN ('undelivered', 'rejected')")
        for pair in query.metadata:
            texts.append("instr(metadata, ?) > 0")
            values.append(_line(*pair))
        found = f"SELECT seq FROM jobs WHERE {' AND '.join(texts)} ORDER BY seq DESC LIMIT ?"  # noqa: S608 - our own text
        rows = [seq for (seq,) in self.connection.execute(found, (*values, query.limit + 1))]
        chosen = rows[: query.limit]
        jobs = self._records(f"seq IN ({', '.join('?' * len(chosen))})", *chosen, order="seq DESC")
        return jobs, chosen[-1] if len(rows) > len(chosen) else None

    def queue_positions(self) -> dict[str, int]:
        """Of all queued jobs: 1 for the one that starts next."""
        queued = self.connection.execute(f"SELECT job_id FROM jobs WHERE state = 'queued' ORDER BY {_QUEUE_ORDER}")  # noqa: S608 - our own text
        return {job_id: number for number, (job_id,) in enumerate(queued, 1)}

    def expired(self) -> list[JobRecord]:
        return self._records("expires_at IS NOT NULL AND expires_at <= ?", self.now.timestamp())

    def all(self) -> list[JobRecord]:
        return self._records("1")

    def _records(self, condition: str, *values: object, order: str = "seq") -> list[JobRecord]:
        query = f"SELECT record FROM jobs WHERE {condition} ORDER BY {order}"  # noqa: S608 - our own text
        return [JobRecord.model_validate_json(record) for (record,) in self.connection.execute(query, values)]
