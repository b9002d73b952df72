"""`ecg serve`: the API server, with its own queue and pipeline process, or with those of a cluster."""

import argparse
import asyncio
import logging
import os
import signal
import socket
from contextlib import ExitStack

import uvicorn
from fastapi import FastAPI

from ecg_api.cli.graceful_server import GracefulServer
from ecg_api.cli.terminal import complain
from ecg_api.errors import StoreUnavailableError
from ecg_api.http.allowed_hosts import LOOPBACK, AllowedHosts, allowed_names
from ecg_api.http.key_file import KeyFile, KeyFileError
from ecg_api.kubernetes.settings import KubernetesSettings
from ecg_api.settings import Settings
from ecg_api.shutdown import Shutdown
from ecg_api.standalone.settings import StandaloneSettings
from ecg_common.load_settings import load_settings
from ecg_common.logs import configure_logging


def run(arguments: argparse.Namespace) -> int:
    if arguments.data_dir is not None:
        os.environ["DATA_DIR"] = str(arguments.data_dir)
    settings = load_settings(Settings, host=arguments.host, port=arguments.port)
    if why := _why_not_free(settings):
        complain(f"ecg serve: {why}")
        return 1
    try:
        if settings.api_keys_file is not None:
            KeyFile(settings.api_keys_file)
    except KeyFileError as error:
        complain(f"ecg serve: {error}")
        return 2
    configure_logging(settings.log_file, settings.log_level)
    if settings.api_keys_file is None and settings.host not in LOOPBACK:
        detail = "whoever reaches this address may use it: set API_KEYS_FILE, or keep others away"
        logging.getLogger(__name__).warning("no_api_keys", extra={"host": settings.host, "detail": detail})
    # uvicorn raises the signal again after its graceful shutdown, which is not a failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    return _in_cluster(settings) if settings.store == "kubernetes" else _standalone(settings)


def _why_not_free(settings: Settings) -> str | None:
    """What keeps the server from listening on its ports, both at the same time; None where nothing does."""
    host, family = settings.host, socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with ExitStack() as held:
        for port, others in ((settings.port, "--host and --port"), (settings.metrics_port or 0, "METRICS_PORT")):
            try:
                held.enter_context(socket.create_server((host, port), family=family))
            except OSError as error:
                reason = (error.strerror or str(error)).partition(" (while")[0]
                advice = f"stop what listens there, or name others by {others}"
                return f"{host}, port {port}, cannot be listened on ({reason}): {advice}"
    return None


def _standalone(settings: Settings) -> int:
    from ecg_api.standalone.host import build_app  # noqa: PLC0415 - the other host needs none of it

    try:
        app = build_app(settings, load_settings(StandaloneSettings))
    except StoreUnavailableError as error:
        complain(f"ecg serve: {error}")
        return 1
    _server(settings, app).run()
    return 0


def _in_cluster(settings: Settings) -> int:
    from ecg_api.kubernetes.host import (  # noqa: PLC0415 - a second of imports, in a cluster alone
        NoClusterError,
        build_app,
    )

    kubernetes = load_settings(KubernetesSettings)

    async def serve() -> None:
        await _server(settings, await build_app(settings, kubernetes)).serve()

    try:
        asyncio.run(serve())
    except NoClusterError as error:
        complain(f"ecg serve: STORE=kubernetes needs a cluster: {error}")
        return 1
    return 0


def _server(settings: Settings, app: FastAPI) -> GracefulServer:
    if settings.metrics_port is not None:
        port = app.state.context.metrics.serve(settings.host, settings.metrics_port)
        logging.getLogger(__name__).info("metrics_served", extra={"port": port})
    config = uvicorn.Config(
        app,
        settings.host,
        settings.port,
        log_config=None,
        access_log=False,  # paths hold job ids, and queries may hold anything
        server_header=False,
        ws="none",
    )
    app.add_middleware(AllowedHosts, names=allowed_names(settings.allowed_hosts, settings.host))
    shutdown: Shutdown = app.state.context.shutdown
    return GracefulServer(config, shutdown, delay_s=settings.shutdown_delay_s, grace_s=settings.shutdown_grace_s)
