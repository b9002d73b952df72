"""The standalone host's SQLite database: one connection, WAL, every commit durable when it returns."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from ecg_api.errors import StoreUnavailableError

T = TypeVar("T")

SCHEMA_VERSION = 4
_SCHEMA = """
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL UNIQUE,
    uid TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    is_transcription INTEGER NOT NULL,
    priority INTEGER NOT NULL DEFAULT 0,
    callback_due REAL,
    callback_base TEXT,
    callback_retried INTEGER NOT NULL,
    callback_state TEXT NOT NULL,
    expires_at REAL,
    submitted_at REAL NOT NULL DEFAULT 0,
    language TEXT NOT NULL DEFAULT '',
    metadata TEXT NOT NULL DEFAULT '',
    record TEXT NOT NULL
);
CREATE INDEX jobs_claim ON jobs (state, is_transcription DESC, priority DESC, seq);
CREATE INDEX jobs_recent ON jobs (state, seq);
CREATE INDEX jobs_callbacks ON jobs (callback_due) WHERE callback_due IS NOT NULL;
CREATE INDEX jobs_undelivered ON jobs (callback_state) WHERE callback_state IN ('undelivered', 'rejected');
CREATE INDEX jobs_expiry ON jobs (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX jobs_listed ON jobs (seq, state, language, submitted_at, callback_state, metadata);
"""
_FROM_1 = """
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
DROP INDEX jobs_claim;
CREATE INDEX jobs_claim ON jobs (state, is_transcription DESC, priority DESC, seq);
CREATE INDEX jobs_recent ON jobs (state, seq);
"""
_FROM_2 = """
ALTER TABLE jobs ADD COLUMN submitted_at REAL NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN language TEXT NOT NULL DEFAULT '';
UPDATE jobs SET
    submitted_at = (julianday(json_extract(record, '$.submittedAt')) - 2440587.5) * 86400,
    language = coalesce(json_extract(record, '$.pipeline.result.language'), json_extract(record, '$.language'), 'auto');
CREATE INDEX jobs_listed ON jobs (seq, state, language, submitted_at, callback_state);
"""
_FROM_3 = """
ALTER TABLE jobs ADD COLUMN metadata TEXT NOT NULL DEFAULT '';
DROP INDEX jobs_listed;
CREATE INDEX jobs_listed ON jobs (seq, state, language, submitted_at, callback_state, metadata);
"""
_STEPS = {1: _FROM_1, 2: _FROM_2, 3: _FROM_3}
"""By the version that they lead on from."""


class Database:
    """Transactions and queries, one at a time. Both raise StoreUnavailableError where the database fails.

    Begin, commit and queries wait for locks and the disk, so they run in the database's own thread. A rollback is only
    queued there: the next transaction begins behind it, also when the task of this one was cancelled.
    """

    def __init__(self, path: Path) -> None:
        """Raises StoreUnavailableError for a file of a newer schema, or one that cannot be opened."""
        self._lock = asyncio.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        with _translated_errors():
            self._connection = self._thread.submit(_open, path).result()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[sqlite3.Connection]:
        """A connection to read and write a few rows with; what it wrote is durable afterwards, or gone on an error.

        The body must not await: its statements run on the event loop.
        """
        async with self._lock:
            with _translated_errors():
                try:
                    await self._in_thread(lambda: self._connection.execute("BEGIN IMMEDIATE"))
                    yield self._connection
                    await self._in_thread(lambda: self._connection.execute("COMMIT"))
                except BaseException:
                    self._thread.submit(self._roll_back)
                    raise

    async def query(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """What `read` returns, run in the database's thread."""
        async with self._lock:
            with _translated_errors():
                return await self._in_thread(lambda: read(self._connection))

    def close(self) -> None:
        """Wait for the statement that runs, then close the connection."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # a full disk has rolled back already
            self._connection.execute("ROLLBACK")


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailableError(f"the job database failed: {error}") from error


def _open(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None, timeout=1, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # records may have held presigned URLs
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version < SCHEMA_VERSION:
        steps = (_STEPS[step] for step in range(version, SCHEMA_VERSION)) if version else (_SCHEMA,)
        changes = "".join(steps)
        connection.executescript(f"BEGIN; {changes} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    elif version > SCHEMA_VERSION:
        raise StoreUnavailableError(
            f"{path} has schema {version}, this release knows {SCHEMA_VERSION}: use the release that wrote it, "
            "or name another DATA_DIR"
        )
    return connection
