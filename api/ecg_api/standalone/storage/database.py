"""The standalone host's SQLite database: one connection in one thread, WAL, every commit durable when it returns."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ecg_api.errors import StoreUnavailableError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL UNIQUE,
    uid TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    is_transcription INTEGER NOT NULL,
    callback_due REAL,
    callback_base TEXT,
    callback_retried INTEGER NOT NULL,
    callback_state TEXT NOT NULL,
    expires_at REAL,
    record TEXT NOT NULL
);
CREATE INDEX jobs_claim ON jobs (state, is_transcription DESC, seq);
CREATE INDEX jobs_callbacks ON jobs (callback_due) WHERE callback_due IS NOT NULL;
CREATE INDEX jobs_undelivered ON jobs (callback_state) WHERE callback_state IN ('undelivered', 'rejected');
CREATE INDEX jobs_expiry ON jobs (expires_at) WHERE expires_at IS NOT NULL;
"""


class Database:
    """Runs work in transactions, one after the other, off the event loop."""

    def __init__(self, path: Path) -> None:
        """Raises StoreUnavailableError for a file of a newer schema, or one that cannot be opened."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        self._connection = self._thread.submit(_guarded, lambda: _open(path)).result()

    async def transact(self, work: Work[T]) -> T:
        """The outcome of `work` once it is durable; nothing of it stays when it raises.

        Raises StoreUnavailableError where the database cannot be written or read.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: _guarded(lambda: self._in_transaction(work)))

    def close(self) -> None:
        """Waits for what is being written."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    def _in_transaction(self, work: Work[T]) -> T:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            outcome = work(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk has rolled back already
                self._connection.execute("ROLLBACK")
            raise
        return outcome


def _guarded(work: Callable[[], T]) -> T:
    try:
        return work()
    except sqlite3.Error as error:
        raise StoreUnavailableError(f"the job database failed: {error}") from error


def _open(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None, timeout=1)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # records may have held presigned URLs
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    elif version != SCHEMA_VERSION:
        raise StoreUnavailableError(
            f"{path} has schema {version}, this release knows {SCHEMA_VERSION}: use the release that wrote it, "
            "or name another DATA_DIR"
        )
    return connection
