"""The contract of every host, for the standalone one: SQLite, the runner, a pipeline process."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from ecg_api.settings import Settings
from ecg_api.standalone.child import ChildStarter
from ecg_api.standalone.host import build_app
from ecg_api.standalone.settings import StandaloneSettings
from support.host_contract import DEADLINE_S, Host, HostContract, ToldHost
from support.obedient_pipeline import ObedientPipeline


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    pipeline = ObedientPipeline(tmp_path / "pipeline")
    starter = ChildStarter(environment=pipeline.environment)
    app = build_app(Settings(transcribe_wait_s=DEADLINE_S), StandaloneSettings(data_dir=tmp_path / "data"), starter)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://t", timeout=DEADLINE_S) as client,
    ):
        yield ToldHost(client, pipeline.tell)


class TestTheStandaloneHost(HostContract):
    """Every test of the contract."""
