"""`ecg submit`, `list`, `get`, `watch` and the others that ask a server about jobs."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from ecg_api.cli.remote import on_server
from ecg_api.cli.terminal import Progress, complain, say
from ecg_client import EcgClient, EcgError
from ecg_contract.wire.status import JobStatusResponse

_PAGE = 200
_OF_ALL = (401, 429, 503)
"""Refusals that would be the same for the next item."""


def run(arguments: argparse.Namespace) -> int:
    try:
        return on_server(arguments, lambda client: _COMMANDS[arguments.command](client, arguments))
    except ValueError as error:
        complain(f"ecg {arguments.command}: {error}")
        return 2


def _submit(client: EcgClient, arguments: argparse.Namespace) -> int:
    if arguments.job_id is not None and len(arguments.sources) > 1:
        raise ValueError("--job-id is for a single URL")
    if missing := [file for file in arguments.sources if "://" not in file and not Path(file).is_file()]:
        raise ValueError(f"there is no file {missing[0]}")
    options, job_ids = _options(arguments), list[str]()

    def submit(source: str) -> None:
        job_ids.append(_submitted(client, source, options, arguments))
        say(job_ids[-1])

    status = _one_by_one(arguments, arguments.sources, submit)
    return max(status, _watch_all(client, job_ids)) if arguments.watch else status


def _submitted(client: EcgClient, source: str, options: Mapping[str, Any], arguments: argparse.Namespace) -> str:
    """The id of the new job."""
    if "://" not in source:
        return client.upload(Path(source), **options).job_id
    return client.submit(source, job_id=arguments.job_id, priority=arguments.priority, **options).job_id


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Those that differ from the server's defaults."""
    counts = {name: getattr(arguments, name) for name in ("num_speakers", "min_speakers", "max_speakers")}
    given = {
        "language": arguments.language,
        "emotion_detection": not arguments.no_emotion,
        "enable_gpu": arguments.device != "cpu",
        "vocabulary": arguments.vocabulary,
        "metadata": _pairs(arguments.metadata),
        "fastapi_base_url": arguments.backend,
        **counts,
    }
    return {name: value for name, value in given.items() if value not in (None, "", {}, True)}


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    """Raises ValueError."""
    if wrong := [text for text in texts if "=" not in text]:
        raise ValueError(f"--metadata takes NAME=VALUE, not {wrong[0]}")
    return dict(text.split("=", 1) for text in texts)


def _list(client: EcgClient, arguments: argparse.Namespace) -> int:
    conditions = {name: getattr(arguments, name) for name in ("state", "language", "since", "before")}
    asked = {**conditions, "metadata": _pairs(arguments.metadata), "limit": min(arguments.limit, _PAGE)}
    for job in islice(client.list(**asked), arguments.limit):
        say(job.model_dump_json() if arguments.json else _line(job))
    return 0


def _line(job: JobStatusResponse) -> str:
    state = f"{job.progress:.0f}% {job.stage}" if job.status == "processing" else job.status
    why = f"  {job.error.code}: {job.error.message}" if job.error else ""
    return f"{_time(job.submitted_at)}  {state:20}  {job.language or '':4}  {job.job_id}{why}"


def _time(time: datetime | None) -> str:
    """Of 20 characters."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else " " * 20


def _watched(client: EcgClient, job_id: str) -> int:
    progress, last = Progress(), None
    for last in client.watch(job_id):
        progress.show(last.progress, last.message or last.stage)
    progress.done()
    if last is None or last.status != "completed":
        error = f": {last.error.code}, {last.error.message}" if last and last.error else ""
        complain(f"{job_id}: {last.status if last else 'removed'}{error}")
        return 1
    return 0


def _watch_all(client: EcgClient, job_ids: Sequence[str]) -> int:
    status = 0
    for job_id in job_ids:
        if len(job_ids) > 1:
            complain(f"{job_id}:")
        status = max(status, _watched(client, job_id))
    return status


def _one_by_one(arguments: argparse.Namespace, items: Sequence[str], act: Callable[[str], object]) -> int:
    """The exit status: 1 where an item was refused, which is said, and does not keep the others from being tried.

    Raises EcgError where the others would be refused, too.
    """
    status = 0
    for item in items:
        try:
            act(item)
            continue
        except EcgError as error:
            if error.status in _OF_ALL:
                raise
            why = error.detail
        except OSError as error:
            why = str(error.strerror)
        complain(f"ecg {arguments.command}: {item}: {why}")
        status = 1
    return status


def _each(act: Callable[[EcgClient, str], object]) -> Callable[[EcgClient, argparse.Namespace], int]:
    def each(client: EcgClient, arguments: argparse.Namespace) -> int:
        def one(job_id: str) -> None:
            done = act(client, job_id)
            if isinstance(done, JobStatusResponse):
                say(f"{job_id}: {done.status}")

        return _one_by_one(arguments, arguments.job_ids, one)

    return each


def _get(client: EcgClient, job_id: str) -> None:
    say(client.get(job_id).model_dump_json(indent=2))


def _watch(client: EcgClient, arguments: argparse.Namespace) -> int:
    return _watch_all(client, arguments.job_ids)


def _callbacks(client: EcgClient, job_id: str) -> None:
    found = client.callbacks(job_id)
    for one in found.tries:
        outcome = one.error or f"HTTP {one.http_status}"
        say(f"{_time(one.time)}  {one.status:10}  {one.progress or '':3}  {outcome}")
    say(f"{job_id}: {found.callback.state}")


def _attempts(client: EcgClient, job_id: str) -> None:
    for one in client.attempts(job_id).attempts:
        say(f"{one.number:3}  {one.device:4}  {_time(one.started_at)}  {_time(one.ended_at)}  {one.outcome}")


def _result(client: EcgClient, arguments: argparse.Namespace) -> int:
    content = client.result_as(arguments.job_id, arguments.format)
    if arguments.output is None:
        sys.stdout.buffer.write(content if content.endswith(b"\n") else content + b"\n")
        sys.stdout.flush()
        return 0
    try:
        arguments.output.write_bytes(content)
    except OSError as error:
        complain(f"ecg result: {arguments.output}: {error.strerror}")
        return 1
    return 0


_COMMANDS: Mapping[str, Callable[[EcgClient, argparse.Namespace], int]] = {
    "submit": _submit,
    "list": _list,
    "get": _each(_get),
    "watch": _watch,
    "cancel": _each(EcgClient.cancel),
    "retry": _each(EcgClient.retry),
    "delete": _each(EcgClient.delete),
    "callbacks": _each(_callbacks),
    "attempts": _each(_attempts),
    "result": _result,
}
