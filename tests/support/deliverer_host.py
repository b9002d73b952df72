"""A deliverer between a ledger in memory and real HTTP backends, with a clock that stands still."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ecg_callbacks.body import FileResults
from ecg_callbacks.deliverer import Deliverer
from ecg_callbacks.sender import CallbackSender
from ecg_callbacks.target import CallbackPolicy
from ecg_callbacks.types import JobFacts
from ecg_common.clock import utc_now
from ecg_contract.delivery_record import DeliveryRecord
from ecg_contract.errors import ErrorCode
from ecg_contract.stages import Stage
from ecg_dev.waiting import wait_until_async
from support.fake_ledger import FakeLedger
from support.receiver import ALL_SEVEN, Received, Receiver

START = datetime(2026, 1, 1, tzinfo=UTC)
STAGES = tuple(stage for stage in Stage if stage is not Stage.COMPLETED)
SIX_THEN_FAILED = [*ALL_SEVEN[:-1], ("failed", None)]


@dataclass
class Clock:
    """Stands still until it is moved."""

    now: datetime = field(default=START)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class RunningClock(Clock):
    """The time; it cannot be moved."""

    def __call__(self) -> datetime:
        return utc_now()


class DelivererHost:
    """A deliverer, its ledger, and the means to kill the one and keep the other."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.ledger = FakeLedger(self.clock)
        self.sender = CallbackSender(FileResults(), CallbackPolicy(allow=("127.0.0.1",)), total_s=20)
        self.may_send = True
        self.start()

    def start(self) -> None:
        self.deliverer = Deliverer(
            self.ledger, self.sender, clock=self.clock, random=lambda: 0.5, may_send=lambda: self.may_send
        )
        self.task = asyncio.create_task(self.deliverer.run())

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def job(self, backend: Receiver, key: str = "job", stages: int = 1, terminal: bool = False) -> None:
        """A job whose terminal state, if it has one, is a failure: it needs no result."""
        self.ledger.put(
            JobFacts(
                uid=key,
                job_id=key,
                callback_base=backend.url,
                reached=STAGES[:stages],
                terminal="failed" if terminal else None,
                error_code=ErrorCode.PROCESSING_ERROR,
                error_message="why",
            )
        )
        self.deliverer.wake()

    def move(self, seconds: float) -> None:
        self.clock.move(seconds)
        self.deliverer.wake()

    async def until(self, condition: Callable[[], object], within_s: float = 10.0) -> None:
        """Waits for what happens on this loop or in a receiver's threads."""
        await wait_until_async(condition, within_s)

    async def until_settled(self, key: str = "job") -> DeliveryRecord:
        await self.until(lambda: self.ledger.get(key).terminal)
        return self.ledger.get(key)

    async def until_acknowledged(self, progress: int | None, key: str = "job") -> None:
        await self.until(lambda: self.ledger.get(key).acknowledged == progress)

    async def until_failed(self, tries: int, key: str = "job") -> None:
        def in_hand_tries() -> int:
            in_hand = self.ledger.get(key).in_hand
            return in_hand.tries if in_hand else 0

        await self.until(lambda: in_hand_tries() >= tries)

    async def settle_down(self) -> None:
        """Until nothing is being sent at the clock's present time."""
        await asyncio.sleep(0.03)
        await self.until(lambda: not self.deliverer._tasks, within_s=60)


def ids(received: list[Received]) -> list[str]:
    return [r.headers["webhook-id"] for r in received]


async def seconds_until_the_last(backend: Receiver, job: str = "job") -> float:
    """Until a job's last callback, a failure, has arrived."""
    began = time.monotonic()
    await asyncio.to_thread(backend.wait_for, lambda _: any(r.mark == ("failed", None) for r in backend.of(job)))
    return time.monotonic() - began
