"""What people and queues do to a VideoJob: suspend, cancel, run again, deliver again, wait for its time to be over."""

from datetime import timedelta

import pytest

from ecg_callbacks.ports import pending_of
from ecg_callbacks.videojob_facts import facts_of
from ecg_contract.delivery_record import DeliveryRecord, Settled
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import PipelineError
from ecg_contract.videojob.resource import Phase
from ecg_contract.videojob.spec import VideoJobCallback
from ecg_contract.videojob.state import has_reported_result, terminal_state
from ecg_operator.decide.attempts import next_attempt, unassigned
from ecg_operator.decide.conditions import derived
from ecg_operator.decide.plan import Plan
from ecg_operator.decide.queueing import queued
from ecg_operator.decide.reconcile import reconcile
from ecg_operator.observe.job_queue import Place
from support.observations import RESULT, World

ERROR = PipelineError(code=ErrorCode.AUDIO_EXTRACTION_ERROR, message="오디오 추출 실패")
BACKEND = VideoJobCallback(base_url="https://backend.example")


@pytest.fixture
def world() -> World:
    world = World(callback=BACKEND)
    world.run_pod()
    return world


def _settle_callback(world: World) -> None:
    record = DeliveryRecord(run=world.videojob.spec.run, settled=100, acknowledged=100)
    settled = record.model_copy(update={"terminal": Settled(outcome="delivered", time=world.now, tries=1)})
    status = world.videojob.status.model_copy(update={"callbacks": settled})
    as_recorded = derived(world.videojob, status, world.now)
    world.videojob = world.videojob.model_copy(update={"status": as_recorded})
    world.settle()


def test_a_suspended_job_frees_its_node_and_goes_on_uncounted(world: World) -> None:
    world.later(100)
    world.spec(suspend=True)
    assert (world.videojob.status.phase, world.jobs) == (Phase.SUSPENDED, {})
    assert world.attempt.pod_uid is None, "what the old pod still reports is refused"
    world.later(10_000)
    world.spec(suspend=False)
    assert (world.videojob.status.phase, world.attempt.number) == (Phase.PENDING, 2)
    assert world.videojob.status.active_seconds == 100
    assert world.videojob.status.retries is None


def test_a_job_that_begins_suspended_makes_nothing() -> None:
    world = World(suspend=True)
    world.settle()
    assert (world.videojob.status.phase, world.attempt, world.jobs) == (Phase.SUSPENDED, None, {})
    world.spec(suspend=False)
    assert world.attempt.number == 1


def test_a_queue_that_suspends_the_job_gets_its_new_pod_assigned(world: World) -> None:
    first = world.attempt.pod_uid
    world.later(50)
    world.change_job(suspended=True)
    world.change_pod(deleted=True)
    world.settle()
    assert (world.attempt.number, world.attempt.pod_uid) == (1, None)
    assert world.condition("Scheduled") == ("False", "JobSuspended")
    world.pods.clear()
    world.later(600)
    world.change_job(suspended=False)
    world.add_pod(uid="second", started=world.now)
    world.settle()
    assert (world.attempt.number, world.attempt.pod_uid, first != "second") == (1, "second", True)
    assert world.videojob.status.active_seconds == 50


def test_a_cancelled_job_stops_and_says_nothing(world: World) -> None:
    world.spec(cancelled_run=1)
    assert (world.videojob.status.phase, world.jobs) == (Phase.FAILED, {})
    assert world.condition("Succeeded") == ("False", "Cancelled")
    assert world.videojob.status.callback == "disabled"


@pytest.mark.parametrize("asked", [{"cancelled_run": 1}, {"suspend": True}, {"run": 2}], ids=lambda a: next(iter(a)))
def test_what_is_asked_after_the_result_was_reported_does_not_undo_it(world: World, asked: dict[str, object]) -> None:
    """A callback may have said that it is completed."""
    world.put_report(result=RESULT)
    world.videojob = world.videojob.model_copy(update={"spec": world.videojob.spec.model_copy(update=asked)})
    plan = reconcile(world.observed(), world.settings, world.now)
    assert (plan.status.run, plan.status.phase, plan.status.completion_time) == (1, Phase.SUCCEEDED, world.now)
    assert facts_of(world.videojob.model_copy(update={"status": plan.status})).terminal == "completed"
    world.settle()
    assert world.videojob.status.run == world.videojob.spec.run


def test_a_reported_result_calls_back_before_the_end_is_written(world: World) -> None:
    world.put_report(result=RESULT)
    status = world.videojob.status
    assert (status.completion_time, status.phase) == (None, Phase.RUNNING)
    pending = pending_of("key", DeliveryRecord(run=1, settled=90), facts_of(world.videojob), world.now)
    assert pending is not None
    assert (pending.due_at, pending.has_ended) == (world.now, True)
    assert facts_of(world.videojob).result == RESULT


@pytest.mark.parametrize("end", ["unassigned", "fenced", "waiting for its second run"])
def test_a_result_that_is_not_the_current_attempts_completes_nothing(world: World, end: str) -> None:
    world.put_report(result=RESULT)
    before = world.videojob
    match end:
        case "unassigned":
            status = before.status.model_copy(update={"attempt": unassigned(world.attempt)})
        case "fenced":
            status = next_attempt(before, None, world.settings, world.now, {})
        case _:
            again = before.spec.model_copy(update={"run": 2})
            status = queued(before.model_copy(update={"spec": again}), Place(1, 1), world.now)
    assert status.pipeline is not None
    assert not has_reported_result(status)
    assert terminal_state(before.model_copy(update={"status": status})) is None


def test_a_failed_job_runs_again_with_numbers_that_go_on(world: World) -> None:
    world.fail(ERROR)
    world.spec(run=2)
    status = world.videojob.status
    assert (status.run, world.attempt.number, world.attempt.run) == (2, 2, 2)
    assert (status.error, status.completion_time, status.phase) == (None, None, Phase.PENDING)
    assert len(world.jobs) == 1
    world.run_pod()
    world.complete()
    assert world.videojob.status.phase == Phase.SUCCEEDED


def test_a_cancelled_job_runs_again(world: World) -> None:
    world.spec(cancelled_run=1)
    world.spec(run=2)
    assert (world.videojob.status.phase, world.attempt.number) == (Phase.PENDING, 2)


def test_an_old_attempts_report_is_not_the_jobs(world: World) -> None:
    world.fail(ERROR)
    world.spec(run=2)
    assert world.videojob.status.report is None
    world.settle()
    assert world.videojob.status.completion_time is None


def test_a_finished_job_is_delivered_again_once_per_request(world: World) -> None:
    world.complete()
    _settle_callback(world)
    world.spec(redelivery=1)
    record = world.videojob.status.callbacks
    assert record is not None
    assert (record.terminal, record.redelivery, world.videojob.status.observed_redelivery) == (None, 1, 1)
    assert world.videojob.status.callback == "pending"


def test_a_request_for_redelivery_while_it_runs_is_noted_and_changes_nothing(world: World) -> None:
    world.spec(redelivery=1)
    assert world.videojob.status.observed_redelivery == 1
    world.complete()
    _settle_callback(world)
    assert world.videojob.status.callback == "delivered"


def test_a_finished_job_goes_when_its_time_is_over_and_not_before_its_callback_is_settled(world: World) -> None:
    world.complete()
    assert not world.later(200_000).delete_videojob
    _settle_callback(world)
    world.now += timedelta(seconds=86_399)
    assert not _plan(world).delete_videojob
    world.now += timedelta(seconds=1)
    assert _plan(world).delete_videojob


def test_a_job_may_name_its_own_time() -> None:
    world = World(ttl_seconds_after_finished=5)
    world.run_pod()
    world.complete()
    world.now += timedelta(seconds=4)
    assert not _plan(world).delete_videojob
    world.now += timedelta(seconds=1)
    assert _plan(world).delete_videojob


def test_a_pod_that_does_not_end_after_its_job_is_made_to(world: World) -> None:
    world.complete()
    assert not _plan(world).delete_jobs
    world.now += timedelta(seconds=60)
    assert [job.name for job in _plan(world).delete_jobs] == [world.attempt.job_name]


def test_what_a_crash_left_at_work_is_stopped(world: World) -> None:
    old = world.jobs[world.attempt.job_name]
    world.end_pod(143)
    world.run_pod()
    world.jobs[old.name] = old
    world.settle()
    assert list(world.jobs) == [world.attempt.job_name]
    current = dict(world.jobs)
    world.fail(ERROR)
    world.jobs |= current
    world.settle()
    assert not world.jobs


def test_a_deleted_videojob_is_left_alone(world: World) -> None:
    metadata = world.videojob.metadata.model_copy(update={"deletion_timestamp": world.now})
    world.videojob = world.videojob.model_copy(update={"metadata": metadata})
    world.jobs.clear()
    plan = _plan(world)
    assert (plan.status, plan.acts) == (world.videojob.status, False)


def _plan(world: World) -> Plan:
    return reconcile(world.observed(), world.settings, world.now)
