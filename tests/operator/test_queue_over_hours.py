"""The queue over hours of simulated time: waiting fails no job, and Jobs at work never exceed the slots."""

from datetime import timedelta

from ecg_contract.videojob.resource import ConditionType, Phase
from ecg_operator.settings import OperatorSettings
from support.observations import NOW
from support.observations import settings as some_settings
from support.simulated_cluster import SimulatedCluster

SLOTS = 4


def settings(slots: int) -> OperatorSettings:
    """The simulated pods send no heartbeats between start and end."""
    return some_settings(max_active_jobs=slots, heartbeat_lost_s=100_000)


def test_300_jobs_on_4_slots_all_succeed_in_six_hours_in_their_order() -> None:
    cluster = SimulatedCluster(settings(SLOTS), work_s=6 * 3600 * SLOTS / 300 - 1)
    names = [f"j{number * 7 % 300:03}" for number in range(300)]
    for name in names:
        cluster.submit(name)
    assert [name for event, name in cluster.log if event == "begins"] == names[:SLOTS]
    cluster.run(hours=2)
    cluster.restart_operator()
    cluster.run(hours=4)
    assert {cluster.videojob(name).status.phase for name in names} == {Phase.SUCCEEDED}
    assert cluster.most_jobs == SLOTS
    assert [name for event, name in cluster.log if event == "begins"] == names


def test_a_slot_is_used_at_the_moment_when_it_falls_free() -> None:
    cluster = SimulatedCluster(settings(1), work_s=600)
    for number in range(3):
        cluster.submit(f"j{number}")
    cluster.run(hours=1)
    ended = [cluster.videojob(f"j{number}").status.completion_time for number in range(3)]
    assert ended == [NOW + timedelta(seconds=600 * (number + 1)) for number in range(3)]


def test_a_waiting_job_shows_its_place_and_when_it_will_be_completed() -> None:
    cluster = SimulatedCluster(settings(1), work_s=600)
    for number in range(4):
        cluster.submit(f"j{number}")
    last = cluster.videojob("j3").status
    assert last.queue is not None
    assert (last.phase, last.queue.position, last.estimated_completion_time) == (Phase.PENDING, 3, None)
    assert last.message == "waits for a slot, place 3 in the queue"
    scheduled = last.condition(ConditionType.SCHEDULED)
    assert scheduled is not None
    assert (scheduled.status, scheduled.reason) == ("False", "Queued")
    cluster.run(hours=601 / 3600)
    last = cluster.videojob("j3").status
    assert last.queue is not None
    assert (last.queue.position, last.queue.queued_time) == (2, NOW)
    expected = NOW + timedelta(seconds=600) + timedelta(seconds=600 * 3)
    assert last.estimated_completion_time == expected, "two before it, and its own work, at ten minutes each"


def test_a_job_that_a_queue_suspends_for_two_hours_succeeds() -> None:
    cluster = SimulatedCluster(settings(SLOTS), work_s=600)
    cluster.suspends_new_jobs = True
    cluster.submit("j")
    cluster.run(hours=2)
    assert cluster.videojob("j").status.message == "its Job is suspended by a queue"
    cluster.suspend_jobs(suspended=False)
    cluster.run(hours=1)
    assert cluster.videojob("j").status.phase is Phase.SUCCEEDED


def test_a_limit_of_the_job_fails_it_in_the_queue() -> None:
    cluster = SimulatedCluster(settings(1), work_s=7200)
    cluster.submit("first")
    cluster.submit("impatient", queue_limit_seconds=3600)
    cluster.submit("patient")
    cluster.run(hours=1.5)
    impatient = cluster.videojob("impatient").status
    assert impatient.error is not None
    assert impatient.error.message == "처리를 시작할 수 없습니다 (Queued: waits for a slot, place 1 in the queue)"
    assert impatient.completion_time == NOW + timedelta(hours=1)
    cluster.run(hours=3)
    assert cluster.videojob("patient").status.phase is Phase.SUCCEEDED


def test_a_place_far_behind_is_written_again_when_it_has_changed_by_a_fifth() -> None:
    cluster = SimulatedCluster(settings(1), work_s=60)
    for number in range(101):
        cluster.submit(f"j{number:03}")
    seen = set()
    for _ in range(101):
        cluster.run(hours=1 / 60)
        cluster.check_watches()
        queue = cluster.videojob("j100").status.queue
        seen.add(queue.position if queue else 0)
    assert seen == {100, 80, 64, 51, 40, 32, 25, 20, 16, 12, *range(11)}
