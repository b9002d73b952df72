"""The server that a command asks, and what is said where it does not answer or refuses."""

import argparse
import os
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx

from ecg_api.cli.terminal import complain
from ecg_api.settings import Settings
from ecg_client import EcgClient, EcgError
from ecg_common.load_settings import load_settings


def on_server(arguments: argparse.Namespace, work: Callable[[EcgClient], int]) -> int:
    """The exit status of `work`; 1 where the server refuses or does not answer, which is said."""
    server = arguments.server or os.environ.get("ECG_SERVER") or _own_server(load_settings(Settings))
    if urlsplit(server).scheme not in ("http", "https"):
        complain(f"ecg {arguments.command}: --server takes an http or https URL")
        return 2
    try:
        with EcgClient(server, os.environ.get("ECG_API_KEY")) as client:
            return work(client)
    except EcgError as error:
        complain(f"ecg {arguments.command}: {error.detail}")
        if error.status == 401:
            complain("set ECG_API_KEY to a key of this server")
    except httpx.TransportError as error:
        complain(f"ecg {arguments.command}: {server} does not answer: {error}")
    return 1


def _own_server(settings: Settings) -> str:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host  # noqa: S104 - compared, not bound
    return f"http://{host}:{settings.port}"
