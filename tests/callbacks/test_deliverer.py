"""The deliverer against real HTTP backends that answer, refuse, hang and come back."""

import asyncio
import itertools
import logging
import time
from datetime import timedelta
from pathlib import Path

import pytest

from ecg_callbacks.body import FileResults
from ecg_callbacks.circuit import PROGRESS_SLOTS
from ecg_callbacks.decision import redeliver
from ecg_callbacks.deliverer import Deliverer
from ecg_callbacks.ports import Pending
from ecg_callbacks.sender import CallbackSender
from ecg_callbacks.target import CallbackPolicy
from ecg_callbacks.types import JobFacts
from ecg_common.clock import utc_now
from support.deliverer_host import SIX_THEN_FAILED, STAGES, START, DelivererHost, ids, seconds_until_the_last
from support.fake_ledger import FakeLedger
from support.receiver import ALL_SEVEN, DROP, HANG, OK, Answer, Receiver, marks


async def test_all_callbacks_arrive_once_and_in_order_however_fast_the_stages_follow(
    host: DelivererHost, backend: Receiver
) -> None:
    host.job(backend, stages=6, terminal=True)
    record = await host.until_settled()
    assert marks(backend.requests) == SIX_THEN_FAILED
    assert record.terminal is not None
    assert record.terminal.outcome == "delivered"


async def test_stages_are_reported_as_they_come(host: DelivererHost, backend: Receiver) -> None:
    for stages, (_, progress) in enumerate(ALL_SEVEN[:-1], start=1):
        host.job(backend, stages=stages)
        await host.until_acknowledged(progress)
    host.job(backend, stages=6, terminal=True)
    await host.until_settled()
    assert marks(backend.requests) == SIX_THEN_FAILED


async def test_another_thread_wakes_it_from_its_sleep(host: DelivererHost, backend: Receiver) -> None:
    """The loop may sleep, too; in debug mode it refuses what would not wake it."""
    asyncio.get_running_loop().set_debug(True)
    await host.settle_down()
    await asyncio.to_thread(host.job, backend)
    await host.until_acknowledged(10)


async def test_a_restart_sends_nothing_again_that_was_recorded(host: DelivererHost, backend: Receiver) -> None:
    host.job(backend, stages=3)
    await host.until(lambda: host.ledger.get("job").settled == 40)
    await host.stop()
    host.start()
    host.job(backend, stages=6, terminal=True)
    await host.until_settled()
    assert marks(backend.requests) == SIX_THEN_FAILED


async def test_a_crash_between_the_answer_and_its_record_sends_the_same_id_again(
    host: DelivererHost, backend: Receiver
) -> None:
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


async def test_an_answer_is_recorded_however_long_the_ledger_refuses(host: DelivererHost, backend: Receiver) -> None:
    host.ledger.failures = [OSError("disk full")]
    host.job(backend, stages=6, terminal=True)
    await host.until_settled()
    assert marks(backend.requests) == SIX_THEN_FAILED


async def test_a_lost_answer_sends_the_same_id_again(host: DelivererHost, backend: Receiver) -> None:
    backend.script(*[OK] * 6, DROP)
    host.job(backend, stages=6, terminal=True)
    await host.until_failed(1)
    host.move(5)
    await host.until_settled()
    assert marks(backend.requests) == [*SIX_THEN_FAILED, ("failed", None)]
    assert len(set(ids(backend.requests)[-2:])) == 1


async def test_a_terminal_callback_survives_ten_minutes_without_a_backend(
    host: DelivererHost, backend: Receiver
) -> None:
    backend.refuse()
    host.job(backend, stages=0, terminal=True)
    for tries, pause in enumerate([5, 30, 120, 300], start=1):
        await host.until_failed(tries)
        host.move(pause)
    await host.until_failed(5)
    backend.listen()
    host.move(900)
    await host.until_settled()
    assert marks(backend.requests) == [("failed", None)]


@pytest.mark.parametrize("answer", [Answer(404), Answer(500), Answer(302, {"Location": "/x"}), Answer(429), DROP])
async def test_what_is_not_acknowledged_is_tried_again(answer: Answer, host: DelivererHost, backend: Receiver) -> None:
    backend.script(OK, answer)
    host.job(backend, stages=1, terminal=True)
    await host.until_failed(1)
    host.move(5)
    record = await host.until_settled()
    assert record.terminal is not None
    assert (record.terminal.outcome, record.terminal.tries) == ("delivered", 2)


@pytest.mark.parametrize("status", [410, 413])
async def test_gone_and_too_large_end_it(status: int, host: DelivererHost, backend: Receiver) -> None:
    backend.script(OK, Answer(status))
    host.job(backend, stages=1, terminal=True)
    record = await host.until_settled()
    assert record.terminal is not None
    assert record.terminal.outcome == "rejected"


async def test_retry_after_is_waited_for(host: DelivererHost, backend: Receiver) -> None:
    backend.script(OK, Answer(503, {"Retry-After": "60"}))
    host.job(backend, stages=1, terminal=True)
    await host.until_failed(1)
    in_hand = host.ledger.get("job").in_hand
    assert in_hand is not None
    assert in_hand.next_try == START + timedelta(seconds=60)


async def test_a_new_attempt_repeats_nothing(host: DelivererHost, backend: Receiver) -> None:
    host.job(backend, stages=4)
    await host.until(lambda: host.ledger.get("job").settled == 60)
    for stages in (0, 1, 2, 6):
        host.job(backend, stages=stages)
        await host.settle_down()
    assert marks(backend.requests) == ALL_SEVEN[:-1]


async def test_a_new_run_starts_over(host: DelivererHost, backend: Receiver) -> None:
    host.job(backend, stages=1, terminal=True)
    await host.until_settled()
    host.ledger.change("job", run=2, terminal=None)
    host.deliverer.wake()
    await host.until(lambda: (host.ledger.get("job").run, host.ledger.get("job").acknowledged) == (2, 10))
    assert marks(backend.requests) == [("processing", 10), ("failed", None), ("processing", 10)]
    assert len(set(ids(backend.requests))) == 3


async def test_a_cancelled_or_deleted_job_sends_nothing_more(host: DelivererHost, backend: Receiver) -> None:
    backend.script(Answer(500))
    host.job(backend, stages=1)
    await host.until_failed(1)
    host.ledger.change("job", cancelled=True)
    host.move(1)
    await host.settle_down()
    host.ledger.delete("job")
    host.move(1)
    await host.settle_down()
    assert len(backend.requests) == 1


async def test_a_redelivery_sends_the_terminal_callback_once_more(host: DelivererHost, backend: Receiver) -> None:
    host.job(backend, stages=6, terminal=True)
    await host.until_settled()
    await host.ledger.record("job", lambda record: redeliver(record, host.clock()))
    host.deliverer.wake()
    await host.until(lambda: len(backend.requests) == 8)
    await host.until_settled()
    assert backend.requests[-1].mark == ("failed", None)


async def test_one_job_never_has_two_callbacks_in_flight(host: DelivererHost, backend: Receiver) -> None:
    backend.answer(Answer(delay_s=0.05))
    host.job(backend, stages=6, terminal=True)
    for _ in range(50):
        host.deliverer.wake()
        await asyncio.sleep(0.002)
    await host.until_settled()
    times = [r.time for r in backend.requests]
    assert all(later - earlier >= 0.05 for earlier, later in itertools.pairwise(times))


async def test_a_graceful_stop_records_what_is_in_flight(host: DelivererHost, backend: Receiver) -> None:
    backend.answer(Answer(delay_s=0.3))
    host.job(backend, stages=2)
    await host.until(lambda: backend.requests)
    await host.stop()
    assert host.ledger.get("job").acknowledged == 10
    assert len(backend.requests) == 1


async def test_a_damaged_result_is_reported_as_a_failed_try(
    host: DelivererHost, backend: Receiver, tmp_path: Path
) -> None:
    host.ledger.put(JobFacts("job", "job", backend.url, reached=STAGES, terminal="completed"))
    host.deliverer.wake()
    await host.until_failed(1)
    in_hand = host.ledger.get("job").in_hand
    assert in_hand is not None
    assert "stored result" in in_hand.last_error


async def test_the_log_tells_the_story_without_a_credential(
    host: DelivererHost, backend: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ecg_callbacks")
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
    # Within 10 s: without the retry's own time it would look again only after a minute (LONGEST_SLEEP).
    first, second = await asyncio.to_thread(backend.wait_for, lambda got: len(got) == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await sender.aclose()
    assert second.time - first.time >= 1.0


async def test_nothing_is_sent_without_permission_and_all_of_it_afterwards(
    host: DelivererHost, backend: Receiver
) -> None:
    host.may_send = False
    host.job(backend, stages=6, terminal=True)
    looked = host.ledger.loads
    await host.until(lambda: host.ledger.loads >= looked + 3)
    assert not backend.requests
    host.may_send = True
    await host.until_settled()
    assert marks(backend.requests) == SIX_THEN_FAILED


async def test_a_progress_callback_that_failed_once_costs_no_other(live: DelivererHost, backend: Receiver) -> None:
    backend.script(OK, OK, Answer(500))
    live.job(backend, stages=6)
    await live.until_acknowledged(90)
    assert marks(backend.requests) == [*ALL_SEVEN[:3], *ALL_SEVEN[2:-1]]
    assert len(set(ids(backend.requests))) == 6


async def test_the_end_of_a_job_does_not_wait_for_all_progress_of_a_slow_backend(
    live: DelivererHost, backend: Receiver
) -> None:
    backend.answer(Answer(delay_s=0.3))
    live.job(backend, stages=6, terminal=True)
    assert await seconds_until_the_last(backend) < 1.0
    record = await live.until_settled()
    assert marks(backend.requests) == [*ALL_SEVEN[:2], ("failed", None)]
    assert record.acknowledged == 10, "the second was answered too late"


async def test_the_end_of_a_job_does_not_wait_for_progress_that_hangs(live: DelivererHost, backend: Receiver) -> None:
    backend.script(HANG)
    live.job(backend, stages=1)
    await live.until(lambda: backend.requests)
    live.job(backend, stages=6, terminal=True)
    assert await seconds_until_the_last(backend) < 2.0
    await live.until_settled()
    assert marks(backend.requests) == [ALL_SEVEN[0], ("failed", None)]


async def test_the_end_of_a_job_does_not_wait_for_progress_of_others_that_hangs(
    live: DelivererHost, backend: Receiver
) -> None:
    """They occupy all slots for progress of this backend."""
    backend.answer(lambda got: HANG if got.json["job_id"] != "job" else OK)
    for number in range(PROGRESS_SLOTS):
        live.job(backend, key=f"other-{number}")
    await live.until(lambda: len(backend.requests) == PROGRESS_SLOTS)
    live.job(backend, stages=2)
    await live.until(lambda: "job" in live.deliverer._tasks)
    live.job(backend, stages=6, terminal=True)
    assert await seconds_until_the_last(backend) < 2.0
    await live.until_settled()
    assert marks(backend.of("job")) == [("failed", None)]


async def test_a_second_cancellation_cuts_off_what_is_in_flight(host: DelivererHost, backend: Receiver) -> None:
    backend.script(HANG)
    host.job(backend)
    await host.until(lambda: backend.requests)
    host.task.cancel()
    done, _ = await asyncio.wait([host.task], timeout=0.2)
    assert not done, "it waits for the callback"
    host.task.cancel()
    await asyncio.wait_for(asyncio.gather(host.task, return_exceptions=True), 3)


async def test_many_changes_are_seen_together(host: DelivererHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look asks the ledger for all pending jobs."""
    looks: list[float] = []

    async def pending() -> list[Pending]:
        looks.append(time.monotonic())
        return []

    monkeypatch.setattr(host.ledger, "pending", pending)
    began = time.monotonic()
    while len(looks) < 5:
        host.deliverer.wake()
        await asyncio.sleep(0)
    assert time.monotonic() - began >= 4 * 0.009, "at most one in 10 ms, but for the loop's own clock"
