"""How long a progress callback may be waited for: without limit, until its job ends meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime


class Limit:
    """The limit of one callback, which may be set while it is waited for."""

    def __init__(self) -> None:
        self.until: datetime | None = None
        """The limit by the host's clock; None without one."""
        self._end: float | None = None
        """The same by the event loop's."""
        self._timeout: asyncio.Timeout | None = None

    def set(self, until: datetime, now: datetime) -> None:
        """Does nothing where a limit is set already."""
        if self.until is not None:
            return
        self.until = until
        self._end = asyncio.get_running_loop().time() + (until - now).total_seconds()
        if self._timeout is not None:
            self._timeout.reschedule(self._end)

    @asynccontextmanager
    async def applied(self) -> AsyncIterator[None]:
        """Raises TimeoutError at the limit."""
        try:
            async with asyncio.timeout_at(self._end) as self._timeout:
                yield
        finally:
            self._timeout = None
