"""`ecg serve`: the API server with its own queue and pipeline process."""

import argparse
import os
import signal

import uvicorn

from ecg_api.loading import load
from ecg_api.settings import Settings
from ecg_api.settings_standalone import StandaloneSettings
from ecg_api.standalone import DataDirInUseError, build_app
from ecg_api.stores.base import StoreUnavailableError
from ecg_api.terminal import complain
from ecg_contract.logs import configure_logging

_GRACE_S = 5
"""How long an open request may hold up a stop."""


def run(arguments: argparse.Namespace) -> int:
    if arguments.data_dir is not None:
        os.environ["DATA_DIR"] = str(arguments.data_dir)
    settings = load(Settings, host=arguments.host, port=arguments.port)
    standalone = load(StandaloneSettings)
    configure_logging(settings.log_file, settings.log_level)
    try:
        app = build_app(settings, standalone)
    except (DataDirInUseError, StoreUnavailableError) as error:
        complain(f"ecg serve: {error}")
        return 1
    config = uvicorn.Config(
        app,
        settings.host,
        settings.port,
        log_config=None,
        access_log=False,  # paths hold job ids, and queries may hold anything
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_GRACE_S,
    )
    signal.signal(signal.SIGTERM, _stopped)
    uvicorn.Server(config).run()
    return 0


def _stopped(*_: object) -> None:
    """uvicorn stops gracefully and then raises the signal once more; the stop that was asked for is no failure."""
