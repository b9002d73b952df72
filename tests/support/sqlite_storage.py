"""SQLite storage with a clock that tests set."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecg_api.standalone.storage.changes import Changes
from ecg_api.standalone.storage.database import Database
from ecg_api.standalone.storage.job_files import JobFiles
from ecg_api.standalone.storage.storage import Storage

TTL = timedelta(hours=24)


class Clock:
    """A clock that moves only when `now` is set."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def open_storage(folder: Path, clock: Clock) -> Iterator[Storage]:
    files = JobFiles(folder)
    database = Database(files.database)
    try:
        yield Storage(database, files, Changes(), TTL, clock)
    finally:
        database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage(tmp_path: Path, clock: Clock) -> Iterator[Storage]:
    with open_storage(tmp_path, clock) as opened:
        yield opened
