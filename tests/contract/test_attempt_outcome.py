"""Every row of the table of attempt outcomes."""

import pytest

from ecg_contract.attempt_log import AttemptOutcome
from ecg_contract.attempt_outcome import (
    AttemptCounts,
    AttemptEnd,
    Cause,
    Complete,
    Decision,
    Fail,
    Ignore,
    Retry,
    RetryPolicy,
    decide,
)
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import Device, PipelineError, ResultReference

RESULT = ResultReference(
    location="/r", sha256="0", bytes=1, segments=0, words=0, speakers=0, language="ko", duration=1, processing_time=1
)
POLICY = RetryPolicy()


def exited(code: int | None, *, counts: AttemptCounts | None = None, policy: RetryPolicy = POLICY) -> Decision:
    return decide(AttemptEnd(Cause.EXITED, code), counts or AttemptCounts(), policy)


def test_a_result_completes_the_job() -> None:
    assert decide(AttemptEnd(Cause.EXITED, 0, RESULT), AttemptCounts(), POLICY) == Complete(RESULT)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (10, ErrorCode.DOWNLOAD_ERROR),
        (11, ErrorCode.AUDIO_EXTRACTION_ERROR),
        (12, ErrorCode.PROCESSING_ERROR),
        (13, ErrorCode.MODEL_LOADING_ERROR),
    ],
)
def test_a_named_failure_fails_the_job_with_the_process_s_own_message(code: int, error: ErrorCode) -> None:
    own = PipelineError(code=error, message="404 Not Found")
    assert decide(AttemptEnd(Cause.EXITED, code, error=own), AttemptCounts(), POLICY) == Fail(own)
    without_words = exited(code)
    assert isinstance(without_words, Fail)
    assert without_words.error.code is error


def test_gpu_memory_goes_on_with_the_cpu_where_that_is_allowed() -> None:
    assert exited(14) == Retry(AttemptCounts(), AttemptOutcome.GPU_MEMORY, Device.CPU)
    refused = exited(14, policy=RetryPolicy(cpu_fallback=False))
    assert isinstance(refused, Fail)
    assert refused.error.code is ErrorCode.GPU_MEMORY_ERROR


@pytest.mark.parametrize("code", [134, 139])
def test_an_abort_is_tried_once_more_on_the_cpu(code: int) -> None:
    assert exited(code) == Retry(AttemptCounts(aborted=1), AttemptOutcome.ABORTED, Device.CPU)
    assert isinstance(exited(code, counts=AttemptCounts(aborted=1)), Fail)


@pytest.mark.parametrize("code", [0, 1, 137, None])
def test_any_other_end_is_tried_once_more(code: int | None) -> None:
    assert exited(code) == Retry(AttemptCounts(unexpected=1), AttemptOutcome.UNEXPECTED)
    again = exited(code, counts=AttemptCounts(unexpected=1))
    assert isinstance(again, Fail)
    assert again.error.code is ErrorCode.PROCESSING_ERROR


@pytest.mark.parametrize("what", ["memory", "disk"])
def test_an_end_for_what_it_took_is_tried_once_more_and_then_says_what(what: str) -> None:
    end = AttemptEnd(Cause(f"out-of-{what}"), 137)
    once = AttemptCounts.model_validate({f"outOf{what.title()}": 1})
    assert decide(end, AttemptCounts(), POLICY) == Retry(once, AttemptOutcome(f"out-of-{what}"))
    again = decide(end, once, POLICY)
    assert isinstance(again, Fail)
    assert what in again.error.message


@pytest.mark.parametrize(
    "end", [AttemptEnd(Cause.INTERRUPTED), AttemptEnd(Cause.LOST), AttemptEnd(Cause.EXITED, 143)], ids=str
)
def test_an_interruption_is_tried_again_five_times(end: AttemptEnd) -> None:
    counts = AttemptCounts()
    for _ in range(5):
        decision = decide(end, counts, POLICY)
        assert isinstance(decision, Retry)
        counts = decision.counts
    assert isinstance(decide(end, counts, POLICY), Fail)


def test_reasons_are_counted_apart() -> None:
    counts = AttemptCounts(unexpected=1, out_of_memory=1, interruptions=5)
    assert isinstance(exited(134, counts=counts), Retry)


def test_the_deadline_fails_the_job() -> None:
    decision = decide(AttemptEnd(Cause.DEADLINE), AttemptCounts(), POLICY)
    assert decision == Fail(PipelineError(code=ErrorCode.PROCESSING_ERROR, message="처리 시간이 초과되었습니다"))


def test_a_fenced_attempt_changes_nothing() -> None:
    assert exited(15) == Ignore()
