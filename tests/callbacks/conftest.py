"""A deliverer, and a second backend for it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from support.deliverer_host import DelivererHost
from support.receiver import Receiver


@pytest.fixture
def other() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def host() -> AsyncIterator[DelivererHost]:
    made = DelivererHost()
    yield made
    await made.stop()
    await made.sender.aclose()
