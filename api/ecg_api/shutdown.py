"""How far the server is on its way to an orderly end."""

import asyncio
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Shutdown:
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    """The server was told to stop: it is not ready any more, and goes on to serve what still reaches it."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """The time for open requests is over: what still waits is answered now."""
