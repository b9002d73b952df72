"""uvicorn with an orderly end in three steps: not ready, then no new connections, then answers to what still waits."""

import asyncio
import socket
from types import FrameType

import uvicorn

from ecg_api.shutdown import Shutdown

_BACKSTOP_S = 5
"""How long the answers to the last requests may take before uvicorn cuts them off."""


class GracefulServer(uvicorn.Server):
    """Begins its end at the first signal; a second one ends it at once, as uvicorn's does."""

    def __init__(self, config: uvicorn.Config, shutdown: Shutdown, *, delay_s: float, grace_s: float) -> None:
        """It goes on to take connections for `delay_s`, while load balancers hear that it is not ready; then open
        requests get `grace_s`."""
        config.timeout_graceful_shutdown = int(grace_s) + _BACKSTOP_S
        super().__init__(config)
        self._shutdown, self._delay_s, self._grace_s = shutdown, delay_s, grace_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Task[None] | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._loop is None or self._shutdown.begun.is_set():
            super().handle_exit(sig, frame)
        else:
            self._loop.call_soon_threadsafe(self._begin, sig)

    def _begin(self, sig: int) -> None:
        self._shutdown.begun.set()
        self._stopping = asyncio.create_task(self._stop(sig))

    async def _stop(self, sig: int) -> None:
        await asyncio.sleep(self._delay_s)
        super().handle_exit(sig, None)
        await asyncio.sleep(self._grace_s)
        self._shutdown.over.set()
