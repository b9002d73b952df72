"""The deliverer and backends that hang, go away and come back: what that costs others, and when it is sent again."""

from datetime import UTC, datetime, timedelta

from ecg_callbacks.circuit import TERMINAL_SLOTS
from ecg_callbacks.ports import Pending
from ecg_callbacks.scheduler import Scheduler
from ecg_callbacks.types import JobFacts
from support.deliverer_host import SIX_THEN_FAILED, DelivererHost
from support.receiver import DROP, HANG, OK, Answer, Receiver, marks


async def test_a_hanging_backend_of_some_jobs_does_not_delay_another_job(
    host: DelivererHost, backend: Receiver, other: Receiver
) -> None:
    backend.answer(HANG)
    for n in range(40):
        host.job(backend, f"hanging-{n}", stages=n % 6 + 1, terminal=n % 2 == 0)
    await host.until(lambda: len(backend.requests) >= 8)
    host.job(other, "quick", stages=6, terminal=True)
    await host.until_settled("quick")
    assert not any(host.ledger.get(f"hanging-{n}").in_hand for n in range(40)), "one was given up before"
    assert marks(other.requests) == SIX_THEN_FAILED


async def test_hanging_progress_does_not_hold_up_terminal_callbacks_of_the_same_backend(
    host: DelivererHost, backend: Receiver
) -> None:
    backend.answer(lambda got: HANG if got.json["status"] == "processing" else OK)
    for n in range(20):
        host.job(backend, f"hanging-{n}")
    await host.until(lambda: len(backend.requests) >= 8)
    host.ledger.put(JobFacts("done", "done", backend.url, terminal="failed", error_message="why"))
    host.deliverer.wake()
    await host.until_settled("done")
    assert not any(host.ledger.get(f"hanging-{n}").in_hand for n in range(20)), "one was given up before"


async def test_a_hundred_jobs_drain_within_a_minute_of_the_backends_return(
    host: DelivererHost, backend: Receiver
) -> None:
    backend.refuse()
    jobs = [f"job-{n}" for n in range(100)]
    for key in jobs:
        host.job(backend, key, stages=6, terminal=True)
    for _ in range(120):  # ten minutes
        await host.settle_down()
        host.move(5)
    assert all(host.ledger.get(key).in_hand for key in jobs)
    backend.listen()
    returned = host.clock.now
    while not all(host.ledger.get(key).terminal for key in jobs):
        await host.settle_down()
        host.move(1)
        assert host.clock.now - returned < timedelta(seconds=60)
    assert sorted(r.json["job_id"] for r in backend.requests) == sorted(jobs)


async def test_what_fails_after_the_first_acknowledgement_keeps_to_its_schedule(
    host: DelivererHost, backend: Receiver
) -> None:
    backend.script(*[OK] * 6, DROP)
    host.job(backend, stages=6, terminal=True)
    await host.until(lambda: len(backend.requests) == 7)
    for _ in range(5):
        await host.settle_down()
        host.move(0.9)
    assert len(backend.requests) == 7


async def test_a_return_does_not_override_a_retry_after(host: DelivererHost, backend: Receiver) -> None:
    backend.script(Answer(503, {"Retry-After": "600"}))
    host.job(backend, "told to wait", terminal=True, stages=0)
    await host.until_failed(1, "told to wait")
    host.job(backend, "another", terminal=True, stages=0)
    await host.until_settled("another")
    await host.settle_down()
    loads = host.ledger.loads
    for _ in range(10):  # each look would be a load of the job
        await host.settle_down()
        host.move(1)
    assert host.ledger.loads == loads
    assert len(backend.requests) == 2


async def test_a_lone_job_keeps_to_its_schedule(host: DelivererHost, backend: Receiver) -> None:
    backend.answer(Answer(500))
    host.ledger.put(JobFacts("job", "job", backend.url, terminal="failed", error_message="why"))
    host.deliverer.wake()
    for _ in range(34):
        await host.settle_down()
        host.move(1)
    assert len(backend.requests) == 2


async def test_jobs_whose_record_is_refused_hold_up_nobody_elses_last_callback(
    host: DelivererHost, backend: Receiver
) -> None:
    for number in range(2 * TERMINAL_SLOTS):
        host.ledger.refused.add(f"refused-{number}")
        host.job(backend, f"refused-{number}", stages=0, terminal=True)
    await host.until(lambda: host.ledger.refusals >= 2 * TERMINAL_SLOTS)
    host.job(backend, "other", stages=0, terminal=True)
    await host.until_settled("other")
    sent = [request.json["job_id"] for request in backend.requests]
    assert all(sent.count(f"refused-{number}") == 1 for number in range(2 * TERMINAL_SLOTS)), (
        "sent once, until recorded"
    )
    host.ledger.refused.clear()
    await host.until_settled("refused-0")


async def test_an_origin_that_nobody_waits_for_is_forgotten_on_a_busy_host() -> None:
    scheduler, now = Scheduler(), datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(100):
        base = f"https://b{number}.example"
        scheduler.plan([Pending(f"job-{number}", base, now, False)], ["always-busy"], now)
        with scheduler.used_circuit(base) as circuit:
            scheduler.plan([], ["always-busy"], now)
            assert scheduler.circuit(base) is circuit, "it is in use"
    scheduler.plan([], ["always-busy"], now)
    assert len(scheduler) == 0
