"""What every job store keeps, whatever it stores jobs in.

A test module subclasses `StoreContract` and offers the fixture `hand`; the tests below are then its own.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ecg_api.errors import QueueFullError
from ecg_api.jobs.following import at_its_end
from ecg_api.ports import (
    JobKind,
    JobState,
    SubmitOutcome,
    Submitter,
)
from ecg_contract.host_protocol import Source
from ecg_dev.waiting import wait_until_async
from support.store_hand import BROKEN, RESULT, Hand, Outcome, fifty, is_accepted, listed, transcription, viewed
from support.store_lists_contract import ListsContract
from support.submissions import submission


class StoreContract(ListsContract):
    """The tests; each gets a store without jobs."""

    async def test_a_job_is_stored_as_it_was_submitted(self, hand: Hand) -> None:
        assert await hand.store.submit(submission("j")) is SubmitOutcome.CREATED
        view = await viewed(hand)
        assert (view.job_id, view.state) == ("j", JobState.QUEUED)
        assert (view.attempt, view.started_at, view.completed_at, view.error) == (0, None, None, None)
        assert view.callback.state == "pending"

    async def test_fifty_submissions_at_once_make_one_job(self, hand: Hand) -> None:
        assert await fifty(hand, submission("j")) == [SubmitOutcome.CREATED, *[SubmitOutcome.SAME] * 49]

    async def test_another_body_conflicts_while_queued_running_and_completed(self, hand: Hand) -> None:
        other = submission("j", body_key="other")
        await hand.store.submit(submission("j"))
        assert await hand.store.submit(other) is SubmitOutcome.CONFLICT
        await hand.begin("j")
        assert (await viewed(hand)).state is JobState.RUNNING
        assert await hand.store.submit(other) is SubmitOutcome.CONFLICT
        assert await hand.store.submit(submission("j")) is SubmitOutcome.SAME
        await hand.complete("j")
        assert await hand.store.submit(other) is SubmitOutcome.CONFLICT
        assert (await viewed(hand)).state is JobState.COMPLETED

    async def test_a_completed_job_submitted_again_is_delivered_once_more(self, hand: Hand) -> None:
        await hand.store.submit(submission("j"))
        await hand.complete("j")
        await hand.settle("j", "delivered")
        assert (await viewed(hand)).callback.state == "delivered"
        assert await fifty(hand, submission("j")) == [SubmitOutcome.REDELIVERED] * 50
        view = await viewed(hand)
        assert (view.state, view.callback.state) == (JobState.COMPLETED, "pending")

    @pytest.mark.parametrize("body_key", ["key", "other"])
    async def test_a_failed_job_submitted_again_runs_again_once(self, hand: Hand, body_key: str) -> None:
        await hand.store.submit(submission("j"))
        await hand.fail("j")
        await hand.settle("j", "undelivered")
        failed = await viewed(hand)
        assert (failed.state, failed.error, failed.attempt) == (JobState.FAILED, BROKEN, 1)
        again = await fifty(hand, submission("j", body_key=body_key))
        first, *others = again
        assert first in (SubmitOutcome.RERUN, SubmitOutcome.CREATED), "created, where another had removed the old one"
        assert others == [SubmitOutcome.SAME] * 49
        view = await viewed(hand)
        assert (view.state, view.error, view.completed_at) == (JobState.QUEUED, None, None)
        assert (view.pipeline, view.callback.state) == (None, "pending")
        assert await listed(hand, undelivered=True) == []
        await hand.complete("j")
        assert (await viewed(hand)).state is JobState.COMPLETED

    async def test_a_job_that_runs_again_is_called_back_where_the_new_request_says(self, hand: Hand) -> None:
        await hand.store.submit(submission("j", callback_base=None))
        await hand.fail("j")
        assert (await viewed(hand)).callback.state == "disabled"
        assert await hand.store.submit(submission("j")) is SubmitOutcome.RERUN
        assert (await viewed(hand)).callback.state == "pending"

    @pytest.mark.parametrize("body_key", ["key", "other"])
    async def test_a_cancelled_job_submitted_again_runs_again(self, hand: Hand, body_key: str) -> None:
        await hand.store.submit(submission("j"))
        await hand.begin("j")
        await hand.store.cancel("j")
        cancelled = await viewed(hand)
        assert (cancelled.state, cancelled.callback.state) == (JobState.CANCELLED, "disabled")
        assert await hand.store.submit(submission("j", body_key=body_key)) is SubmitOutcome.RERUN
        assert (await viewed(hand)).state is JobState.QUEUED

    @pytest.mark.parametrize("end", ["failed", "cancelled"])
    async def test_a_job_without_a_result_is_retried_as_it_was_submitted(self, hand: Hand, end: str) -> None:
        await hand.store.submit(submission("j", metadata={"project": "atlas"}))
        assert not await hand.store.retry("j"), "it is queued"
        await (hand.fail("j") if end == "failed" else hand.store.cancel("j"))
        before = await viewed(hand)
        assert await hand.store.retry("j")
        again = await viewed(hand)
        assert (again.state, again.error, again.callback.state) == (JobState.QUEUED, None, "pending")
        assert (again.metadata, again.attempt) == ({"project": "atlas"}, before.attempt)
        await hand.complete("j")
        assert not await hand.store.retry("j"), "it is completed"
        assert await hand.store.submit(submission("j")) is SubmitOutcome.REDELIVERED, "the same body"
        assert not await hand.store.retry("nobody")

    @pytest.mark.parametrize("outcome", ["delivered", "undelivered"])
    async def test_the_tries_of_callbacks_are_remembered(self, hand: Hand, outcome: Outcome) -> None:
        await hand.store.submit(submission("j"))
        assert (await viewed(hand)).callback_tries == ()
        await hand.fail("j")
        await hand.settle("j", outcome)
        last = (await viewed(hand)).callback_tries[-1]
        assert (last.status, last.progress) == ("failed", None)
        assert (last.error is None) is (outcome == "delivered")
        await hand.store.retry("j")
        assert (await viewed(hand)).callback_tries == (), "another run"

    async def test_a_key_has_a_limit_of_its_own_jobs_that_wait(self, hand: Hand) -> None:
        me, other = Submitter("me", 2), Submitter("other", 1)
        for job_id in ("j", "second"):
            await hand.store.submit(submission(job_id, submitter=me))
        with pytest.raises(QueueFullError) as full:
            await hand.store.submit(submission("third", submitter=me))
        assert full.value.of_key == "me"
        assert await hand.store.submit(submission("j", submitter=me)) is SubmitOutcome.SAME
        await hand.store.submit(submission("theirs", submitter=other))
        await hand.store.submit(submission("nobody's"))
        await hand.begin("j")

        await wait_until_async(lambda: is_accepted(hand, submission("third", submitter=me)))

    async def test_a_retry_needs_room_among_the_waiting_jobs_of_the_key_that_asks_for_it(self, hand: Hand) -> None:
        me = Submitter("me", 1)
        await hand.store.submit(submission("j", submitter=me))
        await hand.store.cancel("j")
        await wait_until_async(lambda: is_accepted(hand, submission("second", submitter=me)))
        with pytest.raises(QueueFullError) as full:
            await hand.store.retry("j", me)
        assert full.value.of_key == "me"
        assert (await viewed(hand)).state is JobState.CANCELLED
        assert await hand.store.retry("j", Submitter("other", 1))

    async def test_the_attempts_of_all_runs_are_remembered(self, hand: Hand) -> None:
        await hand.store.submit(submission("j"))
        await hand.begin("j")
        (running,) = (await viewed(hand)).attempts
        assert (running.number, running.outcome, running.end_time) == (1, "running", None)
        await hand.fail("j")
        await hand.store.retry("j")
        await hand.complete("j")
        attempts = (await viewed(hand)).attempts
        assert [(one.number, one.outcome) for one in attempts] == [(1, "failed"), (2, "completed")]
        for one in attempts:
            assert one.start_time
            assert one.end_time
            assert one.start_time <= one.end_time

    async def test_a_final_job_is_not_cancelled(self, hand: Hand) -> None:
        await hand.store.submit(submission("j"))
        await hand.fail("j")
        await hand.store.cancel("j")
        assert (await viewed(hand)).state is JobState.FAILED

    async def test_nothing_is_known_of_an_unknown_job(self, hand: Hand) -> None:
        store = hand.store
        assert (await store.get("j"), await store.result("j"), await at_its_end(store, "j", 5)) == (None, None, None)
        assert (await store.delete("j"), await store.redeliver("j")) == (False, False)
        await store.cancel("j")

    async def test_a_deleted_job_is_gone_and_may_come_again(self, hand: Hand) -> None:
        await hand.store.submit(submission("j"))
        await hand.fail("j")
        assert await hand.store.delete("j")
        assert not await hand.store.delete("j")
        assert await hand.store.get("j") is None
        assert await hand.store.submit(submission("j", body_key="other")) is SubmitOutcome.CREATED
        assert (await viewed(hand)).attempt == 0

    async def test_a_result_is_there_when_the_job_is_completed(self, hand: Hand) -> None:
        await hand.store.submit(submission("j"))
        await hand.begin("j")
        assert await hand.store.result("j") is None
        await hand.complete("j")
        stored = await hand.store.result("j")
        assert stored is not None
        await hand.store.delete("j")
        with stored:
            assert stored.read() == RESULT, "the job was removed while its result was being read"

    @pytest.mark.parametrize("end", ["complete", "fail", "cancel", "delete"])
    async def test_waiting_ends_promptly_with_the_job(self, hand: Hand, end: str) -> None:
        ends: dict[str, Callable[[str], Awaitable[object]]] = {
            "complete": hand.complete,
            "fail": hand.fail,
            "cancel": hand.store.cancel,
            "delete": hand.store.delete,
        }
        states = {"complete": JobState.COMPLETED, "fail": JobState.FAILED, "cancel": JobState.CANCELLED}
        await hand.store.submit(submission("j"))
        waiting = asyncio.create_task(at_its_end(hand.store, "j", 30))
        await hand.begin("j")
        assert not waiting.done()
        await ends[end]("j")
        async with asyncio.timeout(1):
            view = await waiting
        assert (view.state if view else None) == states.get(end)

    async def test_waiting_is_given_up_when_the_time_is_over(self, hand: Hand) -> None:
        await hand.store.submit(submission("j"))
        view = await at_its_end(hand.store, "j", 0.2)
        assert view is not None
        assert view.state is JobState.QUEUED

    async def test_a_transcription_is_known_as_one(self, hand: Hand) -> None:
        await hand.store.submit(submission("j"))
        await hand.store.submit(transcription())
        assert [(await viewed(hand, job_id)).kind for job_id in ("j", "t")] == [JobKind.VIDEO, JobKind.TRANSCRIPTION]

    async def test_there_is_nothing_to_deliver_before_the_end_and_without_a_backend(self, hand: Hand) -> None:
        await hand.store.submit(submission("j"))
        assert not await hand.store.redeliver("j")
        await hand.store.cancel("j")
        assert not await hand.store.redeliver("j")
        await hand.store.submit(transcription())
        await hand.complete("t")
        assert not await hand.store.redeliver("t")
        assert (await viewed(hand, "t")).callback.state == "disabled"

    async def test_an_upload_is_the_stores_own_and_gone_after_the_job(self, hand: Hand) -> None:
        slot = await hand.store.slot("voice.wav")
        assert slot.name == "voice.wav"
        slot.path.write_bytes(b"sound")
        await hand.store.submit(transcription(source=Source(path=slot.path)))
        await hand.fail("t")
        assert not await asyncio.to_thread(slot.path.exists)

    async def test_a_store_that_takes_jobs_misses_nothing(self, hand: Hand) -> None:
        assert list(await hand.store.missing()) == []
