"""The standalone host without its HTTP server, in the test's process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from ecg_api.jobs.following import at_its_end
from ecg_api.ports import JobView
from ecg_api.settings import Settings
from ecg_api.standalone.child import StartChild
from ecg_api.standalone.host import build_app
from ecg_api.standalone.settings import StandaloneSettings
from ecg_api.standalone.storage.store import SqliteStore

TIMEOUT_S = 30


@asynccontextmanager
async def host(data_dir: Path, start: StartChild, **settings: object) -> AsyncIterator[SqliteStore]:
    """Settings by keyword; unless `fetch_max_bytes` says otherwise, every disk has room for many videos."""
    standalone = StandaloneSettings.model_validate({"data_dir": data_dir, "fetch_max_bytes": 1, **settings})
    app: FastAPI = build_app(Settings(), standalone, start)
    async with app.router.lifespan_context(app):
        store = app.state.context.store
        assert isinstance(store, SqliteStore)
        yield store


async def ended(store: SqliteStore, job_id: str = "j") -> JobView:
    job = await at_its_end(store, job_id, TIMEOUT_S)
    assert job is not None
    return job
