"""The application on an in-memory store, and an HTTP client of it in the same process."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from ecg_api.http.app import create_app
from ecg_api.settings import Settings
from support.fake_store import FakeStore


@pytest.fixture
def settings() -> Settings:
    return Settings(backend_url="https://backend.example", transcribe_wait_s=5)


@pytest.fixture
def store(tmp_path: Path) -> FakeStore:
    folder = tmp_path / "uploads"
    folder.mkdir()
    return FakeStore(folder)


@pytest.fixture
async def client(settings: Settings, store: FakeStore) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, store, uploads=store, redelivery=store)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        yield client
