"""The contract of every host, for the application on the in-memory store."""

from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from ecg_api.ports import JobState
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import PipelineError
from support.fake_store import FakeStore
from support.host_contract import Host, HostContract
from support.wire_results import stored_result


@dataclass
class _FakeHost:
    client: httpx.AsyncClient
    store: FakeStore
    folder: Path

    async def complete(self, job_id: str | None = None) -> None:
        job = job_id or await self.store.submitted()
        await self.store.move(job, JobState.COMPLETED, result=stored_result(self.folder))

    async def fail(self, job_id: str | None = None) -> None:
        error = PipelineError(code=ErrorCode.AUDIO_EXTRACTION_ERROR, message="오디오 추출 실패: no audio stream")
        await self.store.move(job_id or await self.store.submitted(), JobState.FAILED, error=error)


@pytest.fixture
def host(client: httpx.AsyncClient, store: FakeStore, tmp_path: Path) -> Host:
    return _FakeHost(client, store, tmp_path)


class TestOverTheStoreInMemory(HostContract):
    """Every test of the contract."""
