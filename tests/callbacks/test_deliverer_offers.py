"""A job that is offered to the deliverer: it is sent at once, and neither twice nor out of turn."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ecg_callbacks.ports import Pending
from ecg_callbacks.types import JobFacts
from support.deliverer_host import STAGES, DelivererHost, seconds_until_the_last
from support.receiver import ALL_SEVEN, HANG, Receiver, marks


async def _nothing() -> list[Pending]:
    return []


async def test_a_job_that_is_offered_is_sent_without_a_look_at_the_others(
    host: DelivererHost, backend: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await host.settle_down()
    host.ledger.put(JobFacts("job", "job", backend.url, reached=STAGES[:2]))
    (job,) = await host.ledger.pending()
    monkeypatch.setattr(host.ledger, "pending", _nothing)
    host.deliverer.offer(job)
    await host.until_acknowledged(25)
    assert marks(backend.requests) == ALL_SEVEN[:2]


async def test_a_job_that_is_offered_before_the_start_or_at_the_end_is_left_to_the_next_look(
    host: DelivererHost, backend: Receiver
) -> None:
    await host.stop()
    host.ledger.put(JobFacts("job", "job", backend.url, reached=STAGES[:1]))
    (job,) = await host.ledger.pending()
    host.deliverer.offer(job)
    assert not host.deliverer._tasks, "it has ended"
    host.start()
    host.deliverer.offer(job)
    assert not host.deliverer._tasks, "it has not begun"
    await host.until_acknowledged(10)
    assert marks(backend.requests) == ALL_SEVEN[:1]


async def test_a_job_that_is_offered_twice_is_sent_once(host: DelivererHost, backend: Receiver) -> None:
    await host.settle_down()
    host.ledger.put(JobFacts("job", "job", backend.url, reached=STAGES[:1]))
    (job,) = await host.ledger.pending()
    host.deliverer.offer(job)
    host.deliverer.offer(job)
    await host.until_acknowledged(10)
    await host.settle_down()
    assert marks(backend.requests) == ALL_SEVEN[:1]


async def test_a_job_that_is_offered_again_at_its_end_hurries_its_progress(
    live: DelivererHost, backend: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.script(HANG)
    live.job(backend, stages=1)
    await live.until(lambda: backend.requests)
    monkeypatch.setattr(live.deliverer, "wake", lambda: None)
    live.job(backend, stages=6, terminal=True)
    (job,) = await live.ledger.pending()
    live.deliverer.offer(job)
    assert await seconds_until_the_last(backend) < 2.0
    assert marks(backend.requests) == [ALL_SEVEN[0], ("failed", None)]


async def test_a_job_that_is_offered_too_early_is_sent_when_it_is_due(host: DelivererHost, backend: Receiver) -> None:
    await host.settle_down()
    host.ledger.put(JobFacts("job", "job", backend.url, reached=STAGES[:1]))
    (job,) = await host.ledger.pending()
    host.deliverer.offer(replace(job, due_at=job.due_at + timedelta(seconds=5)))
    assert not host.deliverer._tasks
    await host.until_acknowledged(10)
    assert marks(backend.requests) == ALL_SEVEN[:1]
