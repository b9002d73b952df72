"""What the tests of the deliverer share."""

from collections.abc import AsyncIterator, Iterator

import pytest

from support.deliverer_host import DelivererHost
from support.receiver import Receiver


@pytest.fixture
def backend() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


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
