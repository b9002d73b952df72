"""Each row of the table of outcomes, as the operator decides it."""

from datetime import timedelta

import pytest

from ecg_contract.attempt_outcome import DEADLINE_MESSAGE
from ecg_contract.errors import ErrorCode, ExitCode
from ecg_contract.host_protocol import PipelineError
from ecg_contract.videojob.resource import Phase, Profile
from ecg_operator.observe.snapshot import Ended, Warning_
from support.observations import World, settings


@pytest.fixture
def world() -> World:
    world = World(enable_gpu=True)
    world.run_pod()
    return world


def _outcome(world: World) -> tuple[str | None, ErrorCode | None]:
    status = world.videojob.status
    return status.phase, status.error.code if status.error else None


FAILED = (Phase.FAILED, ErrorCode.PROCESSING_ERROR)


def test_a_reported_result_completes_the_job_before_its_pod_ends(world: World) -> None:
    world.complete()
    assert _outcome(world) == (Phase.SUCCEEDED, None)
    assert world.condition("Succeeded") == ("True", "Succeeded")
    assert world.videojob.status.completion_time == world.now
    assert len(world.jobs) == 1, "the pod ends by itself"


@pytest.mark.parametrize("code", [c for c in ErrorCode if c is not ErrorCode.GPU_MEMORY_ERROR])
def test_a_reported_error_fails_the_job_with_its_own_words(world: World, code: ErrorCode) -> None:
    world.fail(PipelineError(code=code, message="비디오 파일을 다운로드할 수 없습니다: 404 Not Found"))
    assert _outcome(world) == (Phase.FAILED, code)
    assert world.videojob.status.error.message.endswith("404 Not Found")  # type: ignore[union-attr]
    assert not world.jobs


@pytest.mark.parametrize(
    ("exit_code", "code"),
    [
        (ExitCode.DOWNLOAD, ErrorCode.DOWNLOAD_ERROR),
        (ExitCode.AUDIO_EXTRACTION, ErrorCode.AUDIO_EXTRACTION_ERROR),
        (ExitCode.PROCESSING, ErrorCode.PROCESSING_ERROR),
        (ExitCode.MODEL_LOADING, ErrorCode.MODEL_LOADING_ERROR),
    ],
)
def test_an_exit_code_without_a_report_names_the_error(world: World, exit_code: int, code: ErrorCode) -> None:
    world.end_pod(exit_code)
    assert _outcome(world) == (Phase.FAILED, code)


def test_the_termination_message_stands_for_a_report_that_did_not_arrive(world: World) -> None:
    said = PipelineError(code=ErrorCode.DOWNLOAD_ERROR, message="gone").to_json()
    world.end_pod(ExitCode.DOWNLOAD, message=said)
    assert world.videojob.status.error.message == "gone"  # type: ignore[union-attr]


def test_a_full_gpu_is_left_for_the_cpu(world: World) -> None:
    assert world.attempt.profile is Profile.GPU
    world.end_pod(ExitCode.GPU_MEMORY)
    assert (world.attempt.number, world.attempt.profile) == (2, Profile.CPU)
    assert world.videojob.status.phase == Phase.PENDING


def test_how_attempts_ended_is_remembered(world: World) -> None:
    world.end_pod(ExitCode.GPU_MEMORY)
    world.run_pod()
    world.spec(suspend=True)
    world.spec(suspend=False)
    world.run_pod()
    world.complete()
    logged = world.videojob.status.attempts
    assert [(one.number, one.device, one.outcome) for one in logged] == [
        (1, "gpu", "gpu-memory"),
        (2, "cpu", "suspended"),
        (3, "cpu", "completed"),
    ]
    assert all(one.start_time and one.end_time and one.start_time <= one.end_time for one in logged)


def test_a_full_gpu_fails_the_job_where_the_cpu_is_switched_off() -> None:
    world = World(settings(cpu_fallback=False))
    world.run_pod()
    world.end_pod(ExitCode.GPU_MEMORY)
    assert _outcome(world) == (Phase.FAILED, ErrorCode.GPU_MEMORY_ERROR)


@pytest.mark.parametrize("exit_code", [134, 139])
def test_a_crash_is_tried_once_more_on_the_cpu(world: World, exit_code: int) -> None:
    world.end_pod(exit_code)
    assert (world.attempt.number, world.attempt.profile) == (2, Profile.CPU)
    world.run_pod()
    world.end_pod(exit_code)
    assert _outcome(world) == FAILED


@pytest.mark.parametrize(
    ("exit_code", "how"),
    [
        (137, {"out_of_memory": True}),
        (143, {"out_of_disk": True, "interrupted": True}),
        (0, {}),
        (1, {}),
        (137, {}),
        (None, {}),
    ],
)
def test_an_end_without_a_reason_is_tried_once_more(world: World, exit_code: int | None, how: dict[str, bool]) -> None:
    world.end_pod(exit_code, **how)
    assert (world.attempt.number, world.attempt.profile) == (2, Profile.GPU)
    world.run_pod()
    world.end_pod(exit_code, **how)
    assert _outcome(world) == FAILED
    if how:
        assert next(iter(how)).removeprefix("out_of_") in world.videojob.status.error.message  # type: ignore[union-attr]


def _interruptions() -> list[object]:
    return [
        pytest.param(lambda w: w.end_pod(143), id="SIGTERM"),
        pytest.param(lambda w: w.end_pod(137, interrupted=True), id="evicted"),
        pytest.param(lambda w: (w.change_pod(deleted=True), w.settle()), id="drained"),
        pytest.param(lambda w: w.later(180), id="silent"),
        pytest.param(lambda w: (w.change_job(deleted=True), w.settle()), id="Job being deleted"),
        pytest.param(lambda w: (w.jobs.clear(), w.pods.clear(), w.settle()), id="Job gone"),
        pytest.param(
            lambda w: (w.pods.clear(), w.change_job(failed=Ended(interrupted=True)), w.settle()), id="pod gone"
        ),
        pytest.param(lambda w: w.end_pod(ExitCode.FENCED), id="wrongly fenced"),
    ]


@pytest.mark.parametrize("interrupt", _interruptions())
def test_an_interruption_is_tried_again_five_times(world: World, interrupt: object) -> None:
    for number in range(2, 7):
        interrupt(world)  # type: ignore[operator]
        assert (world.attempt.number, world.attempt.profile) == (number, Profile.GPU)
        world.run_pod()
    interrupt(world)  # type: ignore[operator]
    assert _outcome(world) == FAILED
    assert not [job for job in world.jobs.values() if not job.deleted and not job.failed], "nothing is left at work"


def test_the_code_in_the_jobs_condition_counts_when_the_pod_is_gone(world: World) -> None:
    world.pods.clear()
    world.change_job(failed=Ended(exit_code=12))
    world.settle()
    assert _outcome(world) == FAILED


@pytest.mark.parametrize(("reason", "kind"), [("ImagePullBackOff", "waiting"), ("FailedMount", "event")])
def test_a_stuck_attempt_is_shown_and_fails_the_job_after_five_minutes(reason: str, kind: str) -> None:
    world = World()
    world.settle()
    world.add_pod(waiting=(reason, "words of the kubelet") if kind == "waiting" else None)
    if kind == "event":
        world.warnings = (Warning_(world.pod.uid, reason, "words of the kubelet"),)
    world.settle()
    assert world.condition("Scheduled") == ("True", reason)
    assert world.videojob.status.message == "words of the kubelet"
    world.later(299)
    assert world.videojob.status.completion_time is None
    world.later(1)
    assert _outcome(world) == FAILED
    assert "words of the kubelet" in world.videojob.status.error.message  # type: ignore[union-attr]


def test_an_image_that_comes_after_all_is_forgiven() -> None:
    world = World()
    world.settle()
    world.add_pod(waiting=("ErrImagePull", ""))
    world.settle()
    world.later(200)
    world.change_pod(waiting=None, started=world.now)
    world.settle()
    assert world.attempt.stuck_since is None
    world.later(150)
    assert world.videojob.status.phase == Phase.RUNNING


@pytest.mark.parametrize("quota", [False, True])
def test_who_waits_for_a_node_says_why_and_gives_up_at_its_own_limit_alone(quota: bool) -> None:
    world = World(queue_limit_seconds=90_000)
    world.settle()
    if quota:
        job = world.jobs[world.attempt.job_name]
        world.warnings = (Warning_(job.uid, "FailedCreate", "exceeded quota"),)
    else:
        world.add_pod(node=None, waiting=("Unschedulable", "0/3 nodes: Insufficient nvidia.com/gpu"))
    world.settle()
    words = "exceeded quota" if quota else "0/3 nodes: Insufficient nvidia.com/gpu"
    assert (world.condition("Scheduled")[0], world.videojob.status.message) == ("False", words)
    world.later(89_999)
    assert world.videojob.status.completion_time is None
    world.later(1)
    assert _outcome(world) == FAILED
    assert words in world.videojob.status.error.message  # type: ignore[union-attr]


def test_the_deadline_counts_the_work_of_all_attempts_and_no_waiting() -> None:
    world = World(settings(job_deadline_s=1000, heartbeat_lost_s=100_000))
    world.settle()
    world.later(900)
    world.run_pod()
    world.later(600)
    world.end_pod(143)
    world.later(900)
    world.run_pod()
    world.later(399)
    assert world.videojob.status.phase == Phase.RUNNING
    world.later(1)
    assert _outcome(world) == FAILED
    assert world.videojob.status.error.message == DEADLINE_MESSAGE  # type: ignore[union-attr]
    assert not world.jobs


def test_a_beating_heart_keeps_an_attempt(world: World) -> None:
    for _ in range(10):
        world.now = world.now.fromtimestamp(world.now.timestamp() + 170, world.now.tzinfo)
        world.report()
    assert world.attempt.number == 1


def test_a_job_whose_pod_vanished_is_tried_again_however_old_it_is() -> None:
    world = World(settings(heartbeat_lost_s=100_000))
    world.run_pod()
    world.later(2000)
    world.pods.clear()
    world.settle()
    assert (world.attempt.number, world.videojob.status.phase) == (2, Phase.PENDING)
    assert world.videojob.status.retries is not None
    assert world.videojob.status.retries.interruptions == 1


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_a_step_of_the_clock_replaces_no_healthy_pod(world: World, step_s: float) -> None:
    world.report()
    step = timedelta(seconds=step_s)
    world.now, world.seen_at = world.now + step, world.seen_at + step
    world.settle()
    assert (world.attempt.number, world.videojob.status.phase) == (1, Phase.RUNNING)
    world.later(180)
    assert world.attempt.number == 2, "a silent one is replaced as before"
