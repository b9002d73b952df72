"""The page for people, in headless Chromium. Nothing is asked of another host."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from ecg_api.http.app import create_app
from ecg_api.http.key_file import new_key
from ecg_api.ports import JobState
from ecg_api.settings import Settings
from ecg_contract.host_protocol import PipelineError, PipelineStatus
from ecg_contract.result import AnalysisResult
from ecg_contract.stages import Stage
from ecg_contract.wire.models import status_url
from ecg_contract.wire.result import wire_json
from support.browser import chromium, opened_browser
from support.fake_store import FakeStore
from support.live_server import live_server
from support.long_result import long_result
from support.submissions import submission

HOSTILE = "<img src=x onerror=alert(1)>/영상"
WAIT_MS = 10_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip("needs Chromium: make browser")
    with opened_browser(program) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(locale="en-US") as context:
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        yield page
        assert wrong == []
        assert [url for url in asked if not url.startswith(("http://127.0.0.1", "blob:"))] == []


@pytest.fixture
def url(store: FakeStore, settings: Settings) -> Iterator[str]:
    with live_server(create_app(settings, store, uploads=store, redelivery=store)) as url:
        yield url


def put(
    store: FakeStore, job_id: str, state: JobState, result: Path | None = None, error: PipelineError | None = None
) -> None:
    """A job in this state."""
    entry = store.put(submission(job_id))
    status = PipelineStatus(attempt=1, stage=Stage.TRANSCRIPTION, progress=75, message="음성을 텍스트로 변환 중")
    entry.view = replace(entry.view, state=state, pipeline=status, error=error)
    entry.result = result


@pytest.fixture
def completed(store: FakeStore, tmp_path: Path) -> str:
    """The path of the view of a completed job of 600 words."""
    result = tmp_path / "long.json"
    result.write_bytes(wire_json(long_result(600)))
    put(store, HOSTILE, JobState.COMPLETED, result)
    return f"{status_url(HOSTILE)}/view"


def test_every_job_is_listed_with_its_progress(page: Page, url: str, store: FakeStore, completed: str) -> None:
    put(store, "at-work", JobState.RUNNING)
    put(store, "broken", JobState.FAILED, error=PipelineError(code="DOWNLOAD_ERROR", message="404"))
    page.goto(url)
    row = page.get_by_role("row", name="at-work").first
    expect(row.get_by_role("progressbar")).to_have_attribute("value", "75")
    expect(row).to_contain_text("음성을 텍스트로 변환 중")
    expect(page.get_by_role("row", name="broken").first).to_contain_text("DOWNLOAD_ERROR, 404")
    row.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("row", name="at-work").first).to_contain_text("cancelled")
    page.get_by_role("link", name=HOSTILE).click()
    expect(page).to_have_title(f"{HOSTILE} - ECG Audio Analyzer")
    expect(page.locator("article").first).to_be_visible()


def test_an_address_is_posted(page: Page, url: str, store: FakeStore) -> None:
    page.goto(url)
    expect(page.get_by_text("No jobs yet.")).to_be_visible()
    page.get_by_placeholder("Address of a video").fill("https://media.example/v.mp4")
    page.get_by_role("button", name="Analyse").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    (job_id,) = store.jobs
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}", job_id)


def test_a_file_that_is_dropped_is_sent_and_followed(page: Page, url: str, store: FakeStore, tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"x" * 200_000)
    page.goto(url)
    page.locator("#drop input").set_input_files(tmp_path / "v.mp4")
    page.wait_for_url("**/view")
    ((job_id, entry),) = store.jobs.items()
    assert entry.submission.source.path is not None
    assert entry.submission.source.path.stat().st_size == 200_000
    expect(page.get_by_role("heading", name=job_id)).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()


def test_a_refusal_is_shown_in_the_servers_words(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_placeholder("Address of a video").fill("ftp://media.example/v.mp4")
    page.get_by_role("button", name="Analyse").click()
    expect(page.get_by_role("alert")).to_contain_text("video_url: has a scheme that is not read")


def test_words_are_lit_where_one_goes(page: Page, url: str, completed: str) -> None:
    page.goto(url + completed)
    word = page.get_by_text("word3.4", exact=True)
    word.click()
    expect(word).to_have_class("word lit")
    page.get_by_text("word3.5", exact=True).click()
    expect(word).to_have_class("word")
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuenow", "16")


def test_a_word_far_down_is_reached_from_the_curves(page: Page, url: str, completed: str) -> None:
    page.goto(url + completed)
    curves = page.get_by_role("slider")
    box = curves.bounding_box()
    assert box is not None
    curves.click(position={"x": box["width"] * 0.9, "y": 40})
    lit = page.locator(".word.lit")
    expect(lit).to_have_text(re.compile(r"word5[34]\.\d"))


def test_the_waveform_is_drawn_without_words(page: Page, url: str, store: FakeStore, tmp_path: Path) -> None:
    music = AnalysisResult((), 10.0, "auto", "en", "whisperx-base", "cpu", 1.0, waveform=(100, 0))
    (tmp_path / "music.json").write_bytes(wire_json(music))
    put(store, "music", JobState.COMPLETED, tmp_path / "music.json")
    page.goto(f"{url}/jobs/music/view")
    opaque = """canvas => [0.25, 0.75].map(place =>
        canvas.getContext("2d").getImageData(canvas.width * place, 4, 1, 1).data[3] > 0)"""
    expect(page.get_by_role("slider")).to_be_visible()
    page.wait_for_function("document.querySelector('canvas').width > 300")
    assert page.get_by_role("slider").evaluate(opaque) == [True, False]


def test_a_job_is_followed_to_its_end(page: Page, url: str, store: FakeStore) -> None:
    put(store, "at-work", JobState.RUNNING)
    page.goto(f"{url}/jobs/at-work/view")
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "75")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    httpx.post(f"{url}/jobs/at-work/cancel", trust_env=False).raise_for_status()
    expect(page.get_by_role("status")).to_contain_text("cancelled")
    assert asked == [], "the server tells it"


def test_the_transcript_is_searched(page: Page, url: str, completed: str) -> None:
    page.goto(url + completed)
    search = page.get_by_role("searchbox")
    search.fill("WORD59.")
    expect(page.get_by_text("1 of 1")).to_be_visible()
    expect(page.locator("article.here")).to_be_in_viewport()
    search.fill("word5")
    expect(page.get_by_text("1 of 11")).to_be_visible()
    page.get_by_role("button", name="Previous").click()
    expect(page.get_by_text("11 of 11")).to_be_visible()
    search.fill("nobody says this")
    expect(page.get_by_text("not found")).to_be_visible()


@pytest.mark.parametrize("wanted", ["JSON", "SRT", "VTT", "TXT", "TSV"])
def test_every_format_is_downloaded(page: Page, url: str, completed: str, wanted: str) -> None:
    page.goto(url + completed)
    with page.expect_download() as download:
        page.get_by_role("button", name=wanted, exact=True).click()
    assert download.value.suggested_filename.endswith(f"영상.{wanted.lower()}")
    assert "word59.9" in Path(download.value.path()).read_text()


def test_it_speaks_korean_to_who_reads_korean(browser: Browser, url: str) -> None:
    with browser.new_context(locale="ko-KR") as context:
        page = context.new_page()
        page.goto(url)
        expect(page.get_by_role("heading", name="작업")).to_be_visible()
        page.locator("#language").select_option("en")
        expect(page.get_by_role("heading", name="Jobs")).to_be_visible()


def test_both_languages_say_the_same_things() -> None:
    source = (Path(__file__).parents[2] / "api/ecg_api/http/page/texts.js").read_text()
    english, korean = re.search(r"en: \{(.*?)\n  \},\n  ko: \{(.*?)\n  \},", source, re.DOTALL).groups()  # type: ignore[union-attr]
    said = [re.findall(r"(\w+): \"(.*?)\"", text) for text in (english, korean)]
    assert [name for name, _ in said[0]] == [name for name, _ in said[1]]
    for (name, first), (_, second) in zip(*said, strict=True):
        assert sorted(re.findall(r"\{\w+\}", first)) == sorted(re.findall(r"\{\w+\}", second)), name


def test_a_key_is_asked_for_where_there_are_keys(page: Page, store: FakeStore, tmp_path: Path) -> None:
    key, made = new_key("reader")
    keys = tmp_path / "keys"
    keys.write_text(made.to_line())
    put(store, "secret", JobState.RUNNING)
    with live_server(create_app(Settings(api_keys_file=keys), store)) as url:
        page.goto(url)
        field = page.get_by_label("API key")
        field.fill("wrong")
        page.get_by_role("button", name="Use").click()
        expect(page.get_by_role("alert")).to_contain_text("this key is none")
        field.fill(key)
        page.get_by_role("button", name="Use").click()
        expect(page.get_by_role("link", name="secret")).to_be_visible()


def test_the_page_of_the_api_is_the_servers_own(page: Page, url: str) -> None:
    page.goto(f"{url}/docs")
    expect(page.get_by_text("/api/upload-video/process-video").first).to_be_visible()


def test_nothing_from_elsewhere_runs_on_it(url: str) -> None:
    for path in ("/", "/jobs/a%2Fb/view"):
        answer = httpx.get(url + path)
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["content-security-policy"].startswith("default-src 'self'; ")
    assert httpx.get(f"{url}/page/main.js").headers["content-type"].startswith("text/javascript")
    assert httpx.get(f"{url}/page/..%2Fapp.py").status_code == 404
