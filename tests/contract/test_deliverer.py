"""The deliverer against real HTTP backends that answer, refuse, hang and come back."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from ecg_contract.callback_body import FileResults
from ecg_contract.callback_record import DeliveryRecord, JobFacts
from ecg_contract.callback_sender import CallbackSender, utc_now
from ecg_contract.callback_target import CallbackPolicy
from ecg_contract.callbacks import redeliver
from ecg_contract.deliverer import Deliverer
from ecg_contract.errors import ErrorCode
from ecg_contract.stages import Stage
from support.fake_ledger import FakeLedger
from support.receiver import DROP, HANG, OK, Answer, Received, Receiver

START = datetime(2026, 1, 1, tzinfo=UTC)
STAGES = tuple(stage for stage in Stage if stage is not Stage.COMPLETED)
SEVEN = [*(("processing", s.progress) for s in STAGES), ("completed", 100)]
SIX_THEN_FAILED = [*SEVEN[:-1], ("failed", None)]


@dataclass
class Clock:
    """Stands still until it is moved."""

    now: datetime = field(default=START)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Host:
    """A deliverer, its ledger, and the means to kill the one and keep the other."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.ledger = FakeLedger(self.clock)
        self.sender = CallbackSender(FileResults(), CallbackPolicy(allow=("127.0.0.1",)), total_s=20)
        self.start()

    def start(self) -> None:
        self.deliverer = Deliverer(self.ledger, self.sender, clock=self.clock, random=lambda: 0.5)
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
        deadline = monotonic() + within_s
        while not condition():
            assert monotonic() < deadline, "not in time"
            await asyncio.sleep(0.005)

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


@pytest.fixture
def backend() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def other() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    made = Host()
    yield made
    await made.stop()
    await made.sender.aclose()


def marks(received: list[Received]) -> list[tuple[str, int | None]]:
    return [r.mark for r in received]


def ids(received: list[Received]) -> list[str]:
    return [r.headers["webhook-id"] for r in received]


async def test_all_callbacks_arrive_once_and_in_order_however_fast_the_stages_follow(
    host: Host, backend: Receiver
) -> None:
    host.job(backend, stages=6, terminal=True)
    record = await host.until_settled()
    assert marks(backend.requests) == SIX_THEN_FAILED
    assert record.terminal is not None
    assert record.terminal.outcome == "delivered"


async def test_stages_are_reported_as_they_come(host: Host, backend: Receiver) -> None:
    for stages, (_, progress) in enumerate(SEVEN[:-1], start=1):
        host.job(backend, stages=stages)
        await host.until_acknowledged(progress)
    host.job(backend, stages=6, terminal=True)
    await host.until_settled()
    assert marks(backend.requests) == SIX_THEN_FAILED


async def test_a_restart_sends_nothing_again_that_was_recorded(host: Host, backend: Receiver) -> None:
    host.job(backend, stages=3)
    await host.until(lambda: host.ledger.get("job").settled == 40)
    await host.stop()
    host.start()
    host.job(backend, stages=6, terminal=True)
    await host.until_settled()
    assert marks(backend.requests) == SIX_THEN_FAILED


async def test_a_crash_between_the_answer_and_its_record_sends_the_same_id_again(host: Host, backend: Receiver) -> None:
    host.ledger.failures = [OSError("disk full")] * 1000
    host.job(backend, stages=1)
    await host.until(lambda: len(host.ledger.failures) < 1000)
    host.task.cancel()
    for task in list(host.deliverer._tasks.values()):  # as kill -9 does: no grace
        task.cancel()
    await asyncio.gather(host.task, return_exceptions=True)
    host.ledger.failures = []
    host.start()
    await host.until(lambda: host.ledger.get("job").acknowledged == 10)
    first, second = ids(backend.requests)
    assert first == second


async def test_an_answer_is_recorded_however_long_the_ledger_refuses(host: Host, backend: Receiver) -> None:
    host.ledger.failures = [OSError("disk full")]
    host.job(backend, stages=6, terminal=True)
    await host.until_settled()
    assert marks(backend.requests) == SIX_THEN_FAILED


async def test_a_lost_answer_sends_the_same_id_again(host: Host, backend: Receiver) -> None:
    backend.script(*[OK] * 6, DROP)
    host.job(backend, stages=6, terminal=True)
    await host.until_failed(1)
    host.move(5)
    await host.until_settled()
    assert marks(backend.requests) == [*SIX_THEN_FAILED, ("failed", None)]
    assert len(set(ids(backend.requests)[-2:])) == 1


async def test_a_terminal_callback_survives_ten_minutes_without_a_backend(host: Host, backend: Receiver) -> None:
    backend.refuse()
    host.job(backend, stages=1, terminal=True)
    for tries, pause in enumerate([5, 30, 120, 300], start=1):
        await host.until_failed(tries)
        host.move(pause)
    await host.until_failed(5)
    backend.listen()
    host.move(900)
    await host.until_settled()
    assert marks(backend.requests) == [("failed", None)]


@pytest.mark.parametrize("answer", [Answer(404), Answer(500), Answer(302, {"Location": "/x"}), Answer(429), DROP])
async def test_what_is_not_acknowledged_is_tried_again(answer: Answer, host: Host, backend: Receiver) -> None:
    backend.script(OK, answer)
    host.job(backend, stages=1, terminal=True)
    await host.until_failed(1)
    host.move(5)
    record = await host.until_settled()
    assert record.terminal is not None
    assert (record.terminal.outcome, record.terminal.tries) == ("delivered", 2)


@pytest.mark.parametrize("status", [410, 413])
async def test_gone_and_too_large_end_it(status: int, host: Host, backend: Receiver) -> None:
    backend.script(OK, Answer(status))
    host.job(backend, stages=1, terminal=True)
    record = await host.until_settled()
    assert record.terminal is not None
    assert record.terminal.outcome == "rejected"


async def test_retry_after_is_waited_for(host: Host, backend: Receiver) -> None:
    backend.script(OK, Answer(503, {"Retry-After": "60"}))
    host.job(backend, stages=1, terminal=True)
    await host.until_failed(1)
    in_hand = host.ledger.get("job").in_hand
    assert in_hand is not None
    assert in_hand.next_try == START + timedelta(seconds=60)


async def test_a_hanging_backend_of_some_jobs_does_not_delay_another_job(
    host: Host, backend: Receiver, other: Receiver
) -> None:
    backend.answer(HANG)
    for n in range(40):
        host.job(backend, f"hanging-{n}", stages=n % 6 + 1, terminal=n % 2 == 0)
    await host.until(lambda: len(backend.requests) >= 8)
    began = monotonic()
    host.job(other, "quick", stages=6, terminal=True)
    await host.until_settled("quick")
    assert monotonic() - began < 1.0
    assert marks(other.requests) == SIX_THEN_FAILED


async def test_hanging_progress_does_not_hold_up_terminal_callbacks_of_the_same_backend(
    host: Host, backend: Receiver
) -> None:
    backend.answer(lambda got: HANG if got.json["status"] == "processing" else OK)
    for n in range(20):
        host.job(backend, f"hanging-{n}")
    await host.until(lambda: len(backend.requests) >= 8)
    began = monotonic()
    host.ledger.put(JobFacts("done", "done", backend.url, terminal="failed", error_message="why"))
    host.deliverer.wake()
    await host.until_settled("done")
    assert monotonic() - began < 1.0


async def test_a_hundred_jobs_drain_within_a_minute_of_the_backends_return(host: Host, backend: Receiver) -> None:
    backend.refuse()
    jobs = [f"job-{n}" for n in range(100)]
    for key in jobs:
        host.job(backend, key, stages=6, terminal=True)
    for _ in range(120):  # ten minutes
        await settle_down(host)
        host.move(5)
    assert all(host.ledger.get(key).in_hand for key in jobs)
    backend.listen()
    returned = host.clock.now
    while not all(host.ledger.get(key).terminal for key in jobs):
        await settle_down(host)
        host.move(1)
        assert host.clock.now - returned < timedelta(seconds=60)
    assert sorted(r.json["job_id"] for r in backend.requests) == sorted(jobs)


async def settle_down(host: Host) -> None:
    """Until nothing is being sent at the clock's present time."""
    await asyncio.sleep(0.03)
    await host.until(lambda: not host.deliverer._tasks, within_s=60)


async def test_what_fails_after_the_first_acknowledgement_keeps_to_its_schedule(host: Host, backend: Receiver) -> None:
    backend.script(*[OK] * 6, DROP)
    host.job(backend, stages=6, terminal=True)
    await host.until(lambda: len(backend.requests) == 7)
    for _ in range(5):
        await settle_down(host)
        host.move(0.9)
    assert len(backend.requests) == 7


async def test_a_return_does_not_override_a_retry_after(host: Host, backend: Receiver) -> None:
    backend.script(Answer(503, {"Retry-After": "600"}))
    host.job(backend, "told to wait", terminal=True, stages=0)
    await host.until_failed(1, "told to wait")
    host.job(backend, "another", terminal=True, stages=0)
    await host.until_settled("another")
    await settle_down(host)
    loads = host.ledger.loads
    for _ in range(10):  # each look would be a load of the job
        await settle_down(host)
        host.move(1)
    assert host.ledger.loads == loads
    assert len(backend.requests) == 2


async def test_a_lone_job_keeps_to_its_schedule(host: Host, backend: Receiver) -> None:
    backend.answer(Answer(500))
    host.ledger.put(JobFacts("job", "job", backend.url, terminal="failed", error_message="why"))
    host.deliverer.wake()
    for _ in range(34):
        await settle_down(host)
        host.move(1)
    assert len(backend.requests) == 2


async def test_a_new_attempt_repeats_nothing(host: Host, backend: Receiver) -> None:
    host.job(backend, stages=4)
    await host.until(lambda: host.ledger.get("job").settled == 60)
    for stages in (0, 1, 2, 6):
        host.job(backend, stages=stages)
        await settle_down(host)
    assert marks(backend.requests) == SEVEN[:-1]


async def test_a_new_run_starts_over(host: Host, backend: Receiver) -> None:
    host.job(backend, stages=1, terminal=True)
    await host.until_settled()
    host.ledger.change("job", run=2, terminal=None)
    host.deliverer.wake()
    await host.until(lambda: (host.ledger.get("job").run, host.ledger.get("job").acknowledged) == (2, 10))
    assert marks(backend.requests) == [("processing", 10), ("failed", None), ("processing", 10)]
    assert len(set(ids(backend.requests))) == 3


async def test_a_cancelled_or_deleted_job_sends_nothing_more(host: Host, backend: Receiver) -> None:
    backend.script(Answer(500))
    host.job(backend, stages=1)
    await host.until_failed(1)
    host.ledger.change("job", cancelled=True)
    host.move(1)
    await settle_down(host)
    host.ledger.delete("job")
    host.move(1)
    await settle_down(host)
    assert len(backend.requests) == 1


async def test_a_redelivery_sends_the_terminal_callback_once_more(host: Host, backend: Receiver) -> None:
    host.job(backend, stages=6, terminal=True)
    await host.until_settled()
    await host.ledger.record("job", lambda record: redeliver(record, host.clock()))
    host.deliverer.wake()
    await host.until(lambda: len(backend.requests) == 8)
    await host.until_settled()
    assert backend.requests[-1].mark == ("failed", None)


async def test_one_job_never_has_two_callbacks_in_flight(host: Host, backend: Receiver) -> None:
    backend.answer(Answer(delay_s=0.05))
    host.job(backend, stages=6, terminal=True)
    for _ in range(50):
        host.deliverer.wake()
        await asyncio.sleep(0.002)
    await host.until_settled()
    times = [r.time for r in backend.requests]
    assert all(later - earlier >= 0.05 for earlier, later in itertools.pairwise(times))


async def test_a_graceful_stop_records_what_is_in_flight(host: Host, backend: Receiver) -> None:
    backend.answer(Answer(delay_s=0.3))
    host.job(backend, stages=2)
    await host.until(lambda: backend.requests)
    await host.stop()
    assert host.ledger.get("job").acknowledged == 10
    assert len(backend.requests) == 1


async def test_a_damaged_result_is_reported_as_a_failed_try(host: Host, backend: Receiver, tmp_path: Path) -> None:
    host.ledger.put(JobFacts("job", "job", backend.url, reached=STAGES, terminal="completed"))
    host.deliverer.wake()
    await host.until_failed(1)
    in_hand = host.ledger.get("job").in_hand
    assert in_hand is not None
    assert "stored result" in in_hand.last_error


async def test_the_log_tells_the_story_without_a_credential(
    host: Host, backend: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ecg_contract")
    backend.script(OK, Answer(500), Answer(410))
    host.job(backend, stages=1, terminal=True)
    await host.until_failed(1)
    host.move(5)
    await host.until_settled()
    lines = [(r.message, r.__dict__["job_id"], r.__dict__["http_status"]) for r in caplog.records]
    assert lines == [
        ("callback_delivered", "job", 200),
        ("callback_failed", "job", 500),
        ("callback_rejected", "job", 410),
    ]


async def test_a_retry_needs_nobody_to_wake_the_deliverer(backend: Receiver) -> None:
    backend.script(Answer(500))
    ledger = FakeLedger(utc_now)
    sender = CallbackSender(FileResults(), CallbackPolicy(allow=("127.0.0.1",)))
    ledger.put(JobFacts("job", "job", backend.url, reached=STAGES[:1]))
    task = asyncio.create_task(Deliverer(ledger, sender).run())
    first, second = await asyncio.to_thread(backend.wait_for, lambda got: len(got) == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await sender.aclose()
    assert 1.0 <= second.time - first.time < 3.0
