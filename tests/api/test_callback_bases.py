"""Which callback URLs a POST accepts; a refusal names the setting that would allow one."""

import httpx
import pytest

from ecg_api.http.app import create_app
from ecg_api.settings import Settings
from ecg_common.load_settings import load_settings
from support.fake_store import FakeStore

PATH = "/api/upload-video/process-video"


async def _post(store: FakeStore, base: str | None, settings: Settings) -> httpx.Response:
    transport = httpx.ASGITransport(create_app(settings, store))
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        return await client.post(PATH, json={"job_id": "j", "video_url": "s3://bucket/v", "fastapi_base_url": base})


@pytest.mark.parametrize("base", ["https://ho-it.site", "https://ho-it.site/prefix/", "http://8.8.8.8:8000"])
async def test_a_public_base_is_taken(store: FakeStore, base: str) -> None:
    assert (await _post(store, base, Settings())).status_code == 200
    assert store.jobs["j"].submission.callback_base == base


@pytest.mark.parametrize(
    ("base", "reason"),
    [
        ("https://user:hunter2@b.example", "user name or password"),
        ("ftp://b.example", "http or https"),
        ("b.example", "http or https"),
        ("https://b.example/?token=hunter2", "query string"),
        ("http://127.0.0.1:8000", "CALLBACK_ALLOW"),
        ("http://localhost:8000", "CALLBACK_ALLOW"),
        ("http://2130706433/", "CALLBACK_ALLOW"),
        ("http://[::ffff:169.254.169.254]/", "CALLBACK_ALLOW"),
        ("http://10.0.10.7", "CALLBACK_ALLOW"),
        ("http://b.example\r\nX: y", "control characters"),
        ("http://[", "not a URL"),
    ],
)
async def test_another_base_is_refused_with_the_reason(store: FakeStore, base: str, reason: str) -> None:
    answer = await _post(store, base, Settings())
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "fastapi_base_url"
    assert reason in answer.json()["detail"]
    assert "hunter2" not in answer.text
    assert not store.jobs


async def test_a_private_base_is_taken_where_it_is_allowed(store: FakeStore) -> None:
    settings = Settings(callback_allow=("10.0.0.0/8",))
    assert (await _post(store, "http://10.0.10.7", settings)).status_code == 200


async def test_the_backends_own_address_may_be_private(store: FakeStore) -> None:
    settings = Settings(backend_url="http://10.0.10.7:8000/api")
    assert (await _post(store, "http://10.0.10.7:8000", settings)).status_code == 200


@pytest.mark.parametrize("base", [None, ""])
async def test_without_any_base_the_job_runs_and_nothing_is_sent(store: FakeStore, base: str | None) -> None:
    assert (await _post(store, base, Settings())).status_code == 200
    assert store.jobs["j"].submission.callback_base is None
    assert store.jobs["j"].view.callback.state == "disabled"


def test_a_wrong_backend_url_ends_the_start_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BACKEND_URL", "https://user:hunter2@b.example")
    with pytest.raises(SystemExit) as end:
        load_settings(Settings)
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert "BACKEND_URL: " in told
    assert "hunter2" not in told
