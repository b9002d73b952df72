"""`make demo`: the whole service on this machine, from the POST of a video to its transcript.

Starts the server with the demo models, serves the sample video over HTTP, posts its URL as the backend would, receives
the seven callbacks, prints the transcript, and stops everything it started. The exit status is 0 only if all succeeded.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ecg_api.cli.terminal import Progress, transcript
from ecg_contract.stages import Stage
from local_http import Backend, backend, file_server

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "demo-output"
LOG = OUTPUT / "server.log"
START_S = 60
CALLBACK_S = 300
STOP_S = 20
JOB_ID = "550e8400-e29b-41d4-a716-446655440000"


class DemoError(Exception):
    """The demo failed; the message says why."""


def main() -> int:
    arguments = _arguments()
    OUTPUT.mkdir(exist_ok=True)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="ecg-demo-") as data,
            file_server(ROOT / "demo/samples") as files,
            backend() as receiver,
            _server(Path(data)) as api,
        ):
            _run(api, receiver, f"{files}/meeting_{arguments.sample}.mp4", arguments.sample)
    except DemoError as error:
        _fail(str(error))
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Analyse a sample video through the HTTP API.")
    parser.add_argument("--sample", choices=["en", "ko"], default="en", help="language of the sample (default: en)")
    return parser.parse_args()


def _run(api: str, receiver: Backend, video_url: str, language: str) -> None:
    started = time.monotonic()
    _post(api, video_url, receiver.url, language)
    callbacks = _follow(receiver)
    _write_lines("callbacks.jsonl", [json.dumps(c, ensure_ascii=False) for c in callbacks])
    result = _checked_result(callbacks)
    seconds = time.monotonic() - started
    (OUTPUT / "result.json").write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    lines = list(transcript(result))
    _write_lines("transcript.txt", lines)
    print("", *lines, sep="\n")
    print("\n(The emotion is a toy's: it knows ways of rendering synthetic speech, and nothing of real emotion.)")
    print(f"\n{len(callbacks)} callbacks in order; {result['duration']:.1f} s of video took {seconds:.1f} s")
    print("in demo-output/: result.json, callbacks.jsonl, transcript.txt")


@contextmanager
def _server(data: Path) -> Iterator[str]:
    """Runs the standalone server with the demo models and yields its URL; settings allow it to use loopback."""
    port = _free_port()
    command = [sys.executable, "-m", "ecg_api.cli", "--env-file", "demo/demo.env", "serve"]
    command += ["--port", str(port), "--data-dir", str(data)]
    loopback = {"HOST": "127.0.0.1", "FETCH_ALLOW": "127.0.0.1", "CALLBACK_ALLOW": "127.0.0.1"}
    with LOG.open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **loopback}, stdout=log, stderr=log)
        try:
            _await_start(server, f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            _stop(server)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_start(server: "subprocess.Popen[bytes]", url: str) -> None:
    print("starting the server with the demo models ...", flush=True)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise DemoError(f"the server ended with status {server.returncode}")
        try:
            httpx.get(f"{url}/health", timeout=2).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise DemoError(f"the server did not answer within {START_S} s")


def _stop(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    try:
        server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _post(api: str, video_url: str, callback_base: str, language: str) -> None:
    request = {
        "job_id": JOB_ID,
        "video_url": video_url,
        "fastapi_base_url": callback_base,
        "language": language,
        "emotion_detection": True,
    }
    answer = httpx.post(f"{api}/api/upload-video/process-video", json=request, timeout=30)
    print(f"POST /api/upload-video/process-video -> {answer.status_code} {answer.json().get('message', answer.text)}")
    if answer.status_code != 200:
        raise DemoError("the video was not accepted")


def _follow(receiver: Backend) -> list[dict[str, Any]]:
    """All callbacks up to the final one, printed as they arrive."""
    progress, callbacks = Progress(sys.stdout), list[dict[str, Any]]()
    while not callbacks or callbacks[-1]["status"] == "processing":
        callback = receiver.next_callback(CALLBACK_S)
        if callback is None:
            raise DemoError(f"no callback came for {CALLBACK_S} s")
        callbacks.append(callback)
        progress.show(callback.get("progress", 0), callback.get("message") or callback["status"])
    progress.done()
    return callbacks


def _checked_result(callbacks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    last = callbacks[-1]
    if last["status"] != "completed":
        raise DemoError(f"the job failed: {last.get('error_code')}: {last.get('error_message')}")
    actual, expected = [c.get("progress") for c in callbacks], [s.progress for s in Stage]
    if actual != expected:
        raise DemoError(f"the callbacks' progress was {actual}, not {expected}")
    result: dict[str, Any] = last["result"]
    if not result["segments"]:
        raise DemoError("the result has no segments")
    return result


def _write_lines(name: str, lines: Sequence[str]) -> None:
    (OUTPUT / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _fail(reason: str) -> None:
    if LOG.is_file():
        tail = LOG.read_text(errors="replace").splitlines()[-30:]
        print(f"\nthe end of {LOG.relative_to(ROOT)}:", *tail, sep="\n", file=sys.stderr)
    print(f"\nthe demo failed: {reason}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
