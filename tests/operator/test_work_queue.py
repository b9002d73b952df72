"""The work queue leaves the loop to others, however many keys need nothing."""

import asyncio

import pytest

from ecg_dev.waiting import wait_until_async
from ecg_operator.runtime.work_queue import WorkQueue


@pytest.fixture
def handled() -> list[str]:
    return []


@pytest.fixture
def queue(handled: list[str]) -> WorkQueue:
    async def handle(key: str) -> None:  # awaits nothing, as for a VideoJob that needs nothing
        handled.append(key)

    return WorkQueue(handle)


async def test_keys_that_need_nothing_do_not_hold_the_loop_up(queue: WorkQueue, handled: list[str]) -> None:
    for number in range(5000):
        queue.add(str(number))
    running = asyncio.create_task(queue.run())
    most = before = 0
    while len(handled) < 5000:
        await asyncio.sleep(0)
        most, before = max(most, len(handled) - before), len(handled)
    running.cancel()
    assert most <= 32, "one for each worker"
    assert len(set(handled)) == 5000


async def test_a_key_that_is_added_while_it_is_handled_is_handled_once_more() -> None:
    handled, go_on = list[str](), asyncio.Event()

    async def handle(key: str) -> None:
        handled.append(key)
        await go_on.wait()

    queue = WorkQueue(handle)
    queue.add("one")
    running = asyncio.create_task(queue.run())
    await wait_until_async(lambda: handled)
    queue.add("one")
    queue.add("one")
    go_on.set()
    await wait_until_async(lambda: len(handled) == 2)
    for _ in range(10):
        await asyncio.sleep(0)
    running.cancel()
    assert handled == ["one", "one"]
