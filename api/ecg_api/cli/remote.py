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
    try:
        client = _client(arguments)
    except ValueError as error:
        complain(f"ecg {arguments.command}: {error}")
        return 2
    try:
        with client:
            return work(client)
    except EcgError as error:
        complain(f"ecg {arguments.command}: {error.detail}")
        if error.status == 401:
            complain("set ECG_API_KEY to a key of this server")
    except httpx.TransportError as error:
        complain(f"ecg {arguments.command}: {client.server} does not answer: {error}")
    return 1


def _client(arguments: argparse.Namespace) -> EcgClient:
    """Raises ValueError."""
    key = os.environ.get("ECG_API_KEY")
    if "kubeconfig" in arguments:
        from ecg_api.cli.cluster_server import connect  # noqa: PLC0415 - not needed with a URL

        return connect(arguments, key)
    server = arguments.server or os.environ.get("ECG_SERVER") or _own_server(load_settings(Settings))
    if urlsplit(server).scheme not in ("http", "https"):
        raise ValueError("--server takes an http or https URL")
    return EcgClient(server, key)


def _own_server(settings: Settings) -> str:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host  # noqa: S104 - compared, not bound
    return f"http://{host}:{settings.port}"
