"""What is special to the SQLite store: queue limit and order, expiry, transactions, callbacks of a replaced job."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ecg_api.errors import QueueFullError, StoreUnavailableError
from ecg_api.ports import JobKind, JobView, Submission, SubmitOutcome
from ecg_api.standalone.storage.callback_ledger import CallbackLedger
from ecg_api.standalone.storage.job_table import FirstStep
from ecg_api.standalone.storage.run_queue import RunQueue, key_of
from ecg_api.standalone.storage.storage import Storage
from ecg_api.standalone.storage.store import SqliteStore
from ecg_contract.attempt_log import AttemptOutcome
from ecg_contract.attempt_outcome import AttemptCounts, Complete, Fail, Retry
from ecg_contract.delivery_record import DeliveryRecord, Settled
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import PipelineError, PipelineStatus, ResultReference, Source
from support.sqlite_storage import TTL, Clock, open_storage
from support.submissions import submission

BROKEN = Fail(PipelineError(code=ErrorCode.PROCESSING_ERROR, message="broken"))


@pytest.fixture
def store(storage: Storage) -> SqliteStore:
    return SqliteStore(storage, queue_limit=3)


@pytest.fixture
def runs(storage: Storage) -> RunQueue:
    return RunQueue(storage)


def result(path: Path) -> ResultReference:
    return ResultReference(
        location=str(path), sha256="", bytes=0, segments=0, words=0, speakers=0, language="ko",
        duration=1.0, processing_time=1.0,
    )  # fmt: skip


async def complete(runs: RunQueue, storage: Storage) -> None:
    job = await runs.claim()
    assert job is not None
    path = storage.files.result_of(job)
    path.write_text("{}")
    await runs.end(key_of(job), Complete(result(path)))


async def fail(runs: RunQueue) -> None:
    job = await runs.claim()
    assert job is not None
    await runs.end(key_of(job), BROKEN)


@pytest.mark.parametrize(("body_key", "run", "same_uid"), [("key", 2, True), ("other", 1, False)])
async def test_a_failed_job_posted_again_runs_again(
    store: SqliteStore, runs: RunQueue, body_key: str, run: int, same_uid: bool
) -> None:
    await store.submit(submission("j"))
    first = await runs.claim()
    assert first is not None
    await runs.end(key_of(first), BROKEN)
    assert await store.submit(submission("j", body_key=body_key)) is SubmitOutcome.RERUN
    again = await runs.claim()
    assert again is not None
    assert (again.run, again.uid == first.uid, again.error) == (run, same_uid, None)


async def test_more_than_the_limit_may_not_wait(store: SqliteStore, runs: RunQueue) -> None:
    for job_id in "abc":
        await store.submit(submission(job_id))
    with pytest.raises(QueueFullError):
        await store.submit(submission("d"))
    assert await store.submit(submission("a")) is SubmitOutcome.SAME
    await runs.claim()
    assert await store.submit(submission("d")) is SubmitOutcome.CREATED


async def test_a_transcription_is_claimed_before_older_videos(store: SqliteStore, runs: RunQueue) -> None:
    await store.submit(submission("video"))
    await store.submit(replace(submission("words"), kind=JobKind.TRANSCRIPTION))
    assert [job.job_id for job in (await runs.claim(), await runs.claim()) if job] == ["words", "video"]


async def test_what_an_older_attempt_says_is_not_taken(store: SqliteStore, runs: RunQueue) -> None:
    await store.submit(submission("j"))
    old = await runs.claim()
    assert old is not None
    await runs.end(key_of(old), Retry(AttemptCounts(interruptions=1), AttemptOutcome.INTERRUPTED))
    new = await runs.claim()
    assert new is not None
    await runs.report(key_of(old), PipelineStatus(attempt=1, progress=90))
    await runs.end(key_of(old), BROKEN)
    current = await runs.current(key_of(new))
    assert current is not None
    assert current.pipeline == PipelineStatus(attempt=2)


async def test_an_acknowledgement_of_a_removed_job_is_not_its_successor_s(
    store: SqliteStore, runs: RunQueue, storage: Storage
) -> None:
    await store.submit(submission("j"))
    await fail(runs)
    ledger = CallbackLedger(storage)
    (old,) = await ledger.pending()
    await store.delete("j")
    await store.submit(submission("j"))
    before = await store.get("j")
    await ledger.record(old.key, lambda record: record.model_copy(update={"acknowledged": 100}))
    assert await store.get("j") == before


async def test_time_worked_adds_up_over_attempts(store: SqliteStore, runs: RunQueue, clock: Clock) -> None:
    await store.submit(submission("j"))
    for _ in range(2):
        job = await runs.claim()
        assert job is not None
        clock.now += timedelta(minutes=3)
        await runs.put_back(key_of(job))
    again = await runs.claim()
    assert again is not None
    assert again.worked_s == 360


async def test_a_job_is_kept_until_its_callback_is_settled_and_the_time_is_over(
    store: SqliteStore, runs: RunQueue, storage: Storage, clock: Clock
) -> None:
    await store.submit(submission("j"))
    await complete(runs, storage)
    clock.now += 10 * TTL
    assert await runs.expire() == []
    await settle(storage, clock)
    clock.now += TTL - timedelta(seconds=1)
    assert await runs.expire() == []
    clock.now += timedelta(seconds=2)
    assert await runs.expire() == ["j"]
    assert await store.get("j") is None
    assert list((storage.files.data_dir / "results").iterdir()) == []


async def test_the_wait_between_download_and_analysis_is_no_work(
    store: SqliteStore, runs: RunQueue, clock: Clock
) -> None:
    await store.submit(submission("j"))
    job = await runs.claim(FirstStep.FETCH)
    assert job is not None
    clock.now += timedelta(seconds=30)
    await runs.fetched(key_of(job))
    clock.now += timedelta(hours=5)
    begun = await runs.begin_analysis(key_of(job))
    assert begun is not None
    assert (begun.worked_s, begun.fetch_s, begun.in_analysis) == (30, 30, True)
    clock.now += timedelta(seconds=70)
    await runs.end(key_of(job), Retry(AttemptCounts(), AttemptOutcome.ABORTED))
    again = await runs.claim(FirstStep.FETCH)
    assert again is not None
    assert (again.worked_s, again.fetch_s, again.in_analysis) == (100, 0, False)


async def test_a_job_that_was_removed_while_it_waited_is_not_analyzed(store: SqliteStore, runs: RunQueue) -> None:
    await store.submit(submission("j"))
    job = await runs.claim(FirstStep.FETCH)
    assert job is not None
    await runs.fetched(key_of(job))
    await store.delete("j")
    assert await runs.begin_analysis(key_of(job)) is None


async def test_what_has_no_media_here_is_claimed_for_its_download(
    store: SqliteStore, runs: RunQueue, storage: Storage
) -> None:
    upload = Source(path=storage.files.new_upload())
    await store.submit(replace(submission("upload"), kind=JobKind.TRANSCRIPTION, source=upload))
    await store.submit(replace(submission("uploaded-video"), source=upload))
    await store.submit(replace(submission("url"), kind=JobKind.TRANSCRIPTION))
    for step, wanted in ((FirstStep.ANALYZE, ["upload", None]), (FirstStep.FETCH, ["url", "uploaded-video", None])):
        claimed = [await runs.claim(step) for _ in wanted]
        assert [job and job.job_id for job in claimed] == wanted


async def test_a_job_without_callbacks_expires_by_its_end(store: SqliteStore, runs: RunQueue, clock: Clock) -> None:
    await store.submit(submission("j", callback_base=None))
    await fail(runs)
    clock.now += TTL + timedelta(seconds=1)
    assert await runs.expire() == ["j"]


async def test_files_without_a_job_are_swept_at_the_start(store: SqliteStore, runs: RunQueue, storage: Storage) -> None:
    await store.submit(submission("j"))
    await complete(runs, storage)
    orphan = (await store.slot("orphan")).path
    orphan.write_bytes(b"half an upload")
    await runs.sweep_files()
    assert not orphan.exists()
    kept = await store.result("j")
    assert kept is not None
    kept.close()


async def test_jobs_survive_a_reopened_database(tmp_path: Path, clock: Clock) -> None:
    stored: Submission = submission("j")
    with open_storage(tmp_path / "d", clock) as storage:
        await SqliteStore(storage, 3).submit(stored)
    with open_storage(tmp_path / "d", clock) as storage:
        assert await SqliteStore(storage, 3).submit(stored) is SubmitOutcome.SAME


async def test_a_database_that_cannot_be_written_stores_nothing_and_says_so(
    store: SqliteStore, storage: Storage
) -> None:
    await storage.database.query(
        lambda c: c.execute("CREATE TRIGGER full BEFORE INSERT ON jobs BEGIN SELECT RAISE(FAIL, 'full'); END")
    )
    with pytest.raises(StoreUnavailableError, match="full"):
        await store.submit(submission("j"))
    assert await store.get("j") is None


@pytest.mark.parametrize("turns", range(8))
async def test_a_cancelled_submission_is_stored_whole_or_not_at_all_and_blocks_no_other(
    store: SqliteStore, turns: int
) -> None:
    submitting = asyncio.create_task(store.submit(submission("j")))
    for _ in range(turns):
        await asyncio.sleep(0)
    submitting.cancel()
    await asyncio.wait([submitting])
    assert await store.submit(submission("k")) is SubmitOutcome.CREATED
    assert await store.submit(submission("j")) in (SubmitOutcome.CREATED, SubmitOutcome.SAME)


async def test_a_higher_priority_goes_first_behind_every_transcription(store: SqliteStore, runs: RunQueue) -> None:
    await store.submit(submission("plain"))
    await store.submit(submission("urgent", priority=5))
    await store.submit(replace(submission("asked"), kind=JobKind.TRANSCRIPTION))
    places = {job_id: await _place(store, job_id) for job_id in ("asked", "urgent", "plain")}
    assert list(places.values()) == [1, 2, 3]
    claimed = [await runs.claim() for _ in range(3)]
    assert [job.job_id for job in claimed if job] == ["asked", "urgent", "plain"]
    assert await _place(store, "plain") is None, "it does not wait any more"


async def _place(store: SqliteStore, job_id: str) -> int | None:
    return (await _view(store, job_id)).queue_position


async def test_a_job_shows_when_it_will_be_completed_by_the_pace_of_those_before(
    store: SqliteStore, runs: RunQueue, storage: Storage, clock: Clock
) -> None:
    await store.submit(submission("first"))
    assert (await _view(store, "first")).eta is None, "nothing is known of how long jobs take"
    job = await runs.claim()
    assert job is not None
    clock.now += timedelta(seconds=100)
    path = storage.files.result_of(job)
    path.write_text("{}")
    await runs.end(key_of(job), Complete(result(path).model_copy(update={"duration": 200.0})))

    await store.submit(submission("running"))
    await store.submit(submission("next"))
    running = await runs.claim()
    assert running is not None
    assert (await _view(store, "running")).eta is None, "the length of its media is not known yet"
    await runs.report(key_of(running), PipelineStatus(attempt=1, duration=600.0))
    assert (await _view(store, "running")).eta == clock.now + timedelta(seconds=300), "half of the media's length"
    assert (await _view(store, "next")).eta == clock.now + timedelta(seconds=200), "the one before it, and itself"


async def _view(store: SqliteStore, job_id: str) -> JobView:
    view = await store.get(job_id)
    assert view is not None
    return view


async def settle(storage: Storage, clock: Clock) -> None:
    """Record every due callback as delivered."""
    ledger = CallbackLedger(storage)
    end = Settled(outcome="delivered", time=clock(), tries=1)

    def delivered(record: DeliveryRecord) -> DeliveryRecord:
        return record.model_copy(update={"terminal": end, "settled": 100, "acknowledged": 100})

    for pending in await ledger.pending():
        await ledger.record(pending.key, delivered)
