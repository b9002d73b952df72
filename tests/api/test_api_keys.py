"""Keys of the API: who is let in, how often, and how keys are changed."""

from pathlib import Path

import httpx
import pytest

from ecg_api.cli.main import main
from ecg_api.http.api_keys import Limits
from ecg_api.http.app import create_app
from ecg_api.http.key_file import ApiKey, KeyFile, KeyFileError, new_key, parse_keys
from ecg_api.settings import Settings
from support.fake_store import FakeStore
from support.host_contract import PATH, body


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def add(keys: Path, name: str, **limits: int) -> str:
    key, made = new_key(name, **limits)
    with keys.open("a") as file:
        file.write(made.to_line() + "\n")
    return key


def write(keys: Path, text: str) -> None:
    keys.write_text(text)


@pytest.fixture
def app(keys: Path, tmp_path: Path) -> httpx.ASGITransport:
    add(keys, "first")
    return httpx.ASGITransport(create_app(Settings(api_keys_file=keys), FakeStore(tmp_path)))


def client(app: httpx.ASGITransport, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=app, base_url="http://localhost", headers=headers)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer ecg_x"}, {"x-api-key": ""}, {"authorization": "x"}])
async def test_nobody_without_a_key_is_let_in(app: httpx.ASGITransport, headers: dict[str, str]) -> None:
    async with client(app, **headers) as http:
        for method, path in (("GET", "/jobs"), ("GET", "/jobs/j"), ("POST", "/transcribe"), ("DELETE", "/jobs/j")):
            refused = await http.request(method, path)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
            assert refused.headers["content-type"] == "application/problem+json"
        assert (await http.get("/health/ready")).status_code == 200
        assert (await http.get("/openapi.json")).status_code == 200


async def test_a_browser_of_a_permitted_origin_reads_the_refusal(app: httpx.ASGITransport) -> None:
    async with client(app, origin="http://localhost:3000") as http:
        assert (await http.get("/jobs")).headers["access-control-allow-origin"] == "http://localhost:3000"
        asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        assert (await http.options("/transcribe", headers=asked)).status_code == 200


async def test_a_key_works_from_the_moment_it_is_in_the_file_until_it_is_not(
    app: httpx.ASGITransport, keys: Path
) -> None:
    key = add(keys, "second")
    async with client(app, authorization=f"Bearer {key}") as http, client(app, **{"x-api-key": key}) as other:
        assert [(await one.get("/jobs")).status_code for one in (http, other)] == [200, 200]
        write(keys, "broken")
        assert (await http.get("/jobs")).status_code == 200, "the last good keys hold"
        write(keys, new_key("third")[1].to_line())
        assert (await http.get("/jobs")).status_code == 401


async def test_a_key_has_a_limit_of_its_own(app: httpx.ASGITransport, keys: Path) -> None:
    limited, free = add(keys, "limited", requests_per_minute=2), add(keys, "free")
    async with client(app, authorization=f"Bearer {limited}") as http:
        answers = [await http.get("/jobs") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 30
    async with client(app, authorization=f"Bearer {free}") as http:
        assert [(await http.get("/jobs")).status_code for _ in range(5)] == [200] * 5


async def test_a_key_has_a_limit_of_its_jobs_that_wait(app: httpx.ASGITransport, keys: Path) -> None:
    limited, free = add(keys, "limited", queued_jobs=1), add(keys, "free")
    for key, statuses in ((limited, [200, 429]), (free, [200, 200])):
        async with client(app, authorization=f"Bearer {key}") as http:
            answers = [await http.post(PATH, json=body(f"{key}-{number}")) for number in range(2)]
        assert [answer.status_code for answer in answers] == statuses
        if key == limited:
            assert answers[-1].json()["detail"] == "too many jobs of the key limited are waiting; try again later"


async def test_a_key_has_no_more_jobs_that_wait_by_retrying(app: httpx.ASGITransport, keys: Path) -> None:
    limited, free = add(keys, "limited", queued_jobs=1), add(keys, "free")
    async with client(app, authorization=f"Bearer {limited}") as http:
        assert (await http.post(PATH, json=body("a"))).status_code == 200
        assert (await http.post("/jobs/a/cancel")).status_code == 200
        assert (await http.post(PATH, json=body("b"))).status_code == 200
        assert (await http.post("/jobs/a/retry")).status_code == 429
    async with client(app, authorization=f"Bearer {free}") as http:
        assert (await http.post("/jobs/a/retry")).status_code == 202


async def test_the_way_to_the_page_is_no_way_to_a_job(app: httpx.ASGITransport) -> None:
    async with client(app) as http:
        for method in ("DELETE", "POST", "PUT"):
            assert (await http.request(method, "/jobs/a/view")).status_code == 401


def test_a_limit_refills_at_its_rate() -> None:
    now = 0.0
    limits, key = Limits(lambda: now), ApiKey("k", "d", 60)
    assert [limits.seconds_to_wait(key) for _ in range(61)] == [0] * 60 + [1]
    now = 10.0
    assert [limits.seconds_to_wait(key) > 0 for _ in range(11)] == [False] * 10 + [True]


@pytest.mark.parametrize("path", ["/", "/health", "/docs", "/jobs/a%2Fb/view"])
async def test_what_says_nothing_of_jobs_needs_no_key(app: httpx.ASGITransport, path: str) -> None:
    async with client(app) as http:
        assert (await http.get(path)).status_code != 401


@pytest.mark.parametrize("path", ["/jobs/a/view/result", "/jobs/view", "/healthy", "/jobs//view"])
async def test_what_only_looks_like_it_needs_one(app: httpx.ASGITransport, path: str) -> None:
    async with client(app) as http:
        assert (await http.get(path)).status_code == 401


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name secret", "line 1 is not"),
        ("\n# a comment\nname sha256:abc", "line 3 is not"),
        (f"a sha256:{'0' * 64}\na sha256:{'1' * 64}", "a name stands in it twice"),
    ],
)
def test_a_line_that_is_none_is_named(text: str, reason: str) -> None:
    with pytest.raises(KeyFileError, match=reason):
        parse_keys(text)


@pytest.mark.parametrize("text", [None, "", "# no keys\n"])
def test_a_file_without_keys_is_refused_at_the_start(
    keys: Path, text: str | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if text is not None:
        keys.write_text(text)
    with pytest.raises(KeyFileError):
        KeyFile(keys)
    monkeypatch.setenv("API_KEYS_FILE", str(keys))
    assert main(["serve", "--port", "0"]) == 2
    assert f"API_KEYS_FILE {keys}" in capsys.readouterr().err


def test_the_command_makes_keys_that_work(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "backend", "--file", str(keys), "--requests-per-minute", "600", "--queued-jobs", "50"]) == 0
    key = capsys.readouterr().out.strip()
    found = KeyFile(keys).find(key)
    assert found is not None
    assert (found.name, found.requests_per_minute, found.queued_jobs) == ("backend", 600, 50)
    assert key not in keys.read_text()
    assert keys.stat().st_mode & 0o077 == 0
    assert main(["key", "backend", "--file", str(keys)]) == 2
    assert "a name stands in it twice" in capsys.readouterr().err
    assert main(["key", "no name"]) == 2
    assert main(["key", "printed"]) == 0
    line, shown = capsys.readouterr().out.splitlines()
    keys.write_text(line)
    assert KeyFile(keys).find(shown) is not None
