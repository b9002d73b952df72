"""Bad inputs for a real server and for the pipeline's decoder; a canary listens where none of them may lead."""

import logging
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import unquote

import httpx
from bad_files import bad_files
from bad_requests import PATHS, Asked, bad_bodies, bad_headers, bad_ids, bad_urls
from canary import Canary
from judged import BrokenError
from proof_progress import Progress, figure

from ecg_contract.errors import UsageError
from support.media_server import MediaServer, Reply, Request
from support.pipeline_process import demo_environment
from support.server_process import ServerProcess

ANSWER_S = 30.0
FILE_S = 30.0
JOBS_S = 240.0
_BRIEF = {"FETCH_TRIES": "1", "FETCH_CONNECT_TIMEOUT_S": "2", "FETCH_TOTAL_TIMEOUT_S": "10", "TRANSCRIBE_WAIT_S": "20"}


class Redirecting(MediaServer):
    """Redirects `/to/URL` to the URL."""

    def next_reply(self, path: str, headers: object) -> Reply:
        self.requests.append(Request(path, {}))
        return Reply(302, {"Location": unquote(path.removeprefix("/to/")).encode().decode("latin-1")})


def main(seed: int) -> None:
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder, Canary() as canary:
        files = list(bad_files(Path(folder), seed, canary.port))
        ends = _decode_all(Path(folder), files)
        wrong += [
            f"{name}: {end}" for (name, _), end in zip(files, ends, strict=True) if end not in ("read", "refused")
        ]
        figure(f"media: {len(files)} files, {Counter(ends)}")
        with Redirecting() as server:
            wrong += _ask_server(Path(folder), seed, canary.port, server)
        figure(f"canary: {len(canary.stray())} hits")
        wrong += [f"the canary was hit at {hit}" for hit in canary.stray()]
    if wrong:
        raise BrokenError("\n".join(wrong))


def _ask_server(folder: Path, seed: int, port: int, redirecting: MediaServer) -> list[str]:
    allow = f"127.0.0.1:{redirecting.port}"
    environment = demo_environment(FETCH_ALLOW=allow, QUEUE_LIMIT="1000", **_BRIEF)
    with ServerProcess(folder, environment) as server:
        server.start()
        asked = [*bad_ids(seed), *bad_headers(), *bad_bodies(seed)]
        urls = list(bad_urls(port, f"{redirecting.url}/to/"))
        statuses, wrong = _ask_all(server, asked)
        figure(f"bodies, ids and headers: {len(asked)} requests, {dict(sorted(statuses.items()))}")
        statuses, refused, ended = _post_urls(server, urls)
        figure(f"URLs: {2 * len(urls)} requests, {dict(sorted(statuses.items()))}; of the jobs {dict(ended)}")
        return wrong + refused


def _ask_all(server: ServerProcess, asked: Sequence[Asked]) -> tuple[Counter[str], list[str]]:
    """How often each status was answered, and what was answered wrongly."""
    statuses: Counter[str] = Counter()
    wrong: list[str] = []
    progress = Progress("inputs, requests")
    for number, request in enumerate(asked):
        status = _status(server, request)
        statuses[status] += 1
        if status == "hang" or (status.startswith("5") and status != "503"):
            wrong.append(f"{request.method} {request.path[:80]} {request.body[:100]!r} {request.headers}: {status}")
        progress.say(f"{number} of {len(asked)}")
    return statuses, wrong


def _status(server: ServerProcess, asked: Asked) -> str:
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in asked.headers.items()]
    try:
        answer = server.client.request(
            asked.method,
            asked.path,
            content=asked.body,
            headers=headers,
            timeout=ANSWER_S,
        )
    except httpx.TimeoutException:
        return "hang"
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return type(error).__name__
    return str(answer.status_code)


def _post_urls(server: ServerProcess, urls: Sequence[str]) -> tuple[Counter[str], list[str], Counter[str]]:
    """Each URL as a source and as a backend; waits until all jobs have ended."""
    statuses: Counter[str] = Counter()
    wrong: list[str] = []
    jobs: list[str] = []
    for number, url in enumerate(urls):
        for fields in ({"video_url": url}, {"video_url": "http://10.0.0.1:9/v.mp4", "fastapi_base_url": url}):
            job_id = f"u{number}-{len(fields)}"
            answer = server.client.post(PATHS[0], json={"job_id": job_id, **fields}, timeout=ANSWER_S)
            statuses[str(answer.status_code)] += 1
            if answer.status_code == 200:
                jobs.append(job_id)
            elif answer.status_code >= 500:
                wrong.append(f"{fields}: {answer.status_code}")
    ends = _wait_for(server, jobs)
    wrong += [f"{job_id}: {end}" for job_id, end in ends.items() if end != "failed"]
    return statuses, wrong, Counter(ends.values())


def _wait_for(server: ServerProcess, jobs: Sequence[str]) -> dict[str, str]:
    progress, end, states = Progress("inputs, URLs"), time.monotonic() + JOBS_S, dict.fromkeys(jobs, "processing")
    while (left := [job for job, state in states.items() if state == "processing"]) and time.monotonic() < end:
        states.update({job: str(server.job(job)["status"]) for job in left[:20]})
        progress.say(f"{len(left)} of {len(jobs)} jobs left")
        time.sleep(0.2)
    return states


def _decode_all(folder: Path, files: Sequence[tuple[str, bytes]]) -> list[str]:
    """How the decoder took each file, in one process that is replaced where it hangs or dies."""
    ends: list[str] = []
    process: multiprocessing.Process | None = None
    progress = Progress("inputs, media")
    for name, content in files:
        path = folder / f"bad-{name}"
        path.write_bytes(content)
        if process is None or not process.is_alive():
            here, there = multiprocessing.Pipe()
            process = multiprocessing.Process(target=_decoder, args=(there,), daemon=True)
            process.start()
            there.close()
        ends.append(_end_of(here, path))
        if ends[-1] in ("hang", "died"):
            process.kill()
            process.join()
        path.unlink()
        progress.say(f"{len(ends)} of {len(files)} files")
    return ends


def _end_of(here: Connection, path: Path) -> str:
    here.send(str(path))
    if not here.poll(FILE_S):
        return "hang"
    try:
        return str(here.recv())
    except EOFError:
        return "died"


def _decoder(there: Connection) -> None:
    from ecg_pipeline.media.decode import decode  # noqa: PLC0415 - in the process that may die of it

    logging.disable(logging.CRITICAL)
    while True:
        path = Path(there.recv())
        try:
            decode(path, 2 * 3600.0)
            there.send("read")
        except UsageError:
            there.send("refused")
        except Exception as error:  # what it should not raise is told
            there.send(f"{type(error).__name__}: {error}")
