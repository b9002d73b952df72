"""The page at 50,000 words in headless Chromium: frames a second while it scrolls, and how long it takes to open.

The baseline is the same page laid out as a whole.
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from ecg_api.http.app import create_app
from ecg_api.ports import JobState
from ecg_api.settings import Settings
from ecg_contract.wire.result import wire_json
from support.browser import chromium, opened_browser
from support.fake_store import FakeStore
from support.live_server import live_server
from support.long_result import long_result
from support.submissions import submission

WORDS = 50_000
_SCROLL = """async (seconds) => {
  const frames = [], start = performance.now();
  await new Promise((resolve) => {
    const step = (now) => {
      frames.push(now);
      scrollBy(0, 60);
      now - start < seconds * 1000 ? requestAnimationFrame(step) : resolve();
    };
    requestAnimationFrame(step);
  });
  const gaps = frames.slice(1).map((now, n) => now - frames[n]).sort((a, b) => a - b);
  return { fps: 1000 * gaps.length / (frames.at(-1) - frames[0]), p99_ms: gaps[Math.floor(gaps.length * 0.99)],
           words: document.querySelectorAll(".word").length };
}"""
_IN_BLOCKS, _AS_A_WHOLE = "content-visibility: auto", "content-visibility: visible"


def main() -> None:
    program = chromium()
    if program is None:
        print("needs Chromium: make browser")
        return
    with tempfile.TemporaryDirectory() as folder:
        store = FakeStore(Path(folder))
        result = Path(folder) / "result.json"
        result.write_bytes(wire_json(long_result(WORDS)))
        entry = store.put(submission("j"))
        entry.view, entry.result = replace(entry.view, state=JobState.COMPLETED), result
        with live_server(create_app(Settings(), store)) as url, opened_browser(program) as browser:
            for name, layout in (("laid out in blocks", _IN_BLOCKS), ("laid out as a whole", _AS_A_WHOLE)):
                page = browser.new_page(viewport={"width": 1200, "height": 900})
                _laid_out(page, layout)
                print(f"{name:20} {_measured(page, f'{url}/jobs/j/view')}")
                sys.stdout.flush()
                page.close()


def _laid_out(page: Page, layout: str) -> None:
    """Serve the style sheet with another layout of the transcript."""

    def serve(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace(_IN_BLOCKS, layout))

    page.route("**/style.css", serve)


def _measured(page: Page, url: str) -> str:
    page.goto(url)
    page.wait_for_selector("article .word")
    opened = page.evaluate("performance.now()")
    found = page.evaluate(_SCROLL, 5)
    return (
        f"open {opened / 1000:.1f} s, {found['fps']:.0f} frames a second, p99 between frames {found['p99_ms']:.0f} ms, "
        f"{found['words']} words as elements"
    )
