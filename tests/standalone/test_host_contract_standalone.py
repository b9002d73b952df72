"""The contract of every host, kept by the standalone one: SQLite, the runner, a pipeline process."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from ecg_api.child import ChildStarter
from ecg_api.settings import Settings
from ecg_api.settings_standalone import StandaloneSettings
from ecg_api.standalone import build_app
from support.host_contract import Host, HostContract
from support.obedient_pipeline import ObedientPipeline

DEADLINE_S = 20


@dataclass
class _Standalone:
    client: httpx.AsyncClient
    pipeline: ObedientPipeline

    async def complete(self, job_id: str | None = None) -> None:
        self.pipeline.tell("complete")
        await self._until_final(job_id)

    async def fail(self, job_id: str | None = None) -> None:
        self.pipeline.tell("fail")
        await self._until_final(job_id)

    async def _until_final(self, job_id: str | None) -> None:
        """A transcription's end is its answer: nothing to wait for here."""
        async with asyncio.timeout(DEADLINE_S):
            while job_id is not None:
                status = (await self.client.get(f"/jobs/{quote(job_id, safe='')}")).json()["status"]
                if status != "processing":
                    return
                await asyncio.sleep(0.02)


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
        yield _Standalone(client, pipeline)


class TestTheStandaloneHost(HostContract):
    """Every test of the contract."""
