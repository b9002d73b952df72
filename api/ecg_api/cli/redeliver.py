"""`ecg redeliver`: lists terminal callbacks that the backend has not accepted, or sends one of them again."""

import argparse
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

from ecg_api.cli.terminal import complain, say
from ecg_api.settings import Settings
from ecg_common.load_settings import load_settings
from ecg_contract.wire.models import status_url

_TIMEOUT_S = 30


def run(arguments: argparse.Namespace) -> int:
    server = (arguments.server or _own_server(load_settings(Settings))).rstrip("/")
    if urlsplit(server).scheme not in ("http", "https"):
        complain("ecg redeliver: --server takes an http or https URL")
        return 2
    try:
        return _list(server) if arguments.job_id is None else _redeliver(server, arguments.job_id)
    except urllib.error.HTTPError as error:
        complain(f"ecg redeliver: {_detail(error)}")
    except OSError as error:
        complain(f"ecg redeliver: {server} does not answer: {getattr(error, 'reason', error)}")
    return 1


def _own_server(settings: Settings) -> str:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host  # noqa: S104 - compared, not bound
    return f"http://{host}:{settings.port}"


def _list(server: str) -> int:
    count = 0
    for job in _undelivered(server):
        callback, count = job["callback"], count + 1
        say(f"{job['job_id']}  {job['status']}  {callback['tries']} tries  {callback['last_error'] or ''}")
    if count == 0:
        say("every final callback was delivered, or is still being tried")
    return 0


def _undelivered(server: str) -> Iterator[dict[str, Any]]:
    """Page by page."""
    asked = {"callback": "undelivered", "limit": "200"}
    while True:
        page = _ask("GET", f"{server}/jobs?{urlencode(asked)}")
        yield from page["jobs"]
        if page["cursor"] is None:
            return
        asked["cursor"] = page["cursor"]


def _redeliver(server: str, job_id: str) -> int:
    job = _ask("POST", f"{server}{status_url(job_id)}/callback/redeliver")
    say(f"{job['job_id']}: {job['status']}, callback {job['callback']['state']}")
    return 0


def _ask(method: str, url: str) -> Any:
    request = urllib.request.Request(url, method=method)  # noqa: S310 - the scheme was checked
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - as above
        return json.load(answer)


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
