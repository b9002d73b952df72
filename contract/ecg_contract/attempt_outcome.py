"""Decides what the end of an attempt means for its job. Pure; both hosts use it.

| end of the attempt                         | the job                                               |
|--------------------------------------------|-------------------------------------------------------|
| exit 0 and a recorded result               | completed                                             |
| exit 10 to 13                              | failed with that code and the process's own message   |
| exit 14                                    | a new attempt on the CPU, where that is allowed       |
| exit 134, 139                              | one new attempt on the CPU                            |
| killed for memory                          | one new attempt                                       |
| exit 0 without a result, any other code    | one new attempt                                       |
| interrupted, or its worker lost            | a new attempt, at most five of these                  |
| exit 15                                    | nothing: another attempt is the current one           |
| the deadline over all attempts has passed  | failed                                                |
"""

from dataclasses import dataclass
from enum import StrEnum

from ecg_contract.attempt_log import AttemptOutcome
from ecg_contract.base_model import CamelModel
from ecg_contract.errors import ErrorCode, ExitCode, error_code_of
from ecg_contract.host_protocol import Device, PipelineError, ResultReference

DEADLINE_MESSAGE = "처리 시간이 초과되었습니다"
_ABORTED = (134, 139)
_TERMINATED = 143


class Cause(StrEnum):
    """Why an attempt ended."""

    EXITED = "exited"
    OUT_OF_MEMORY = "out-of-memory"
    """Killed by the kernel or the kubelet for its memory use."""
    OUT_OF_DISK = "out-of-disk"
    """Evicted for exceeding its own ephemeral-storage limit; the node's disk was not full."""
    INTERRUPTED = "interrupted"
    """Terminated, evicted or drained, or its host restarted."""
    LOST = "lost"
    """No heartbeat."""
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How an attempt ended, as its host observed it; `exit_code` is 128 + N for signal N."""

    cause: Cause
    exit_code: int | None = None
    result: ResultReference | None = None
    error: PipelineError | None = None


class AttemptCounts(CamelModel):
    """How often a run has been tried anew, by reason."""

    aborted: int = 0
    """The process aborted or crashed."""
    out_of_memory: int = 0
    """It was killed for the memory it took."""
    out_of_disk: int = 0
    """It was stopped for the disk it took."""
    unexpected: int = 0
    """It ended without a result and without a reason."""
    interruptions: int = 0
    """It was stopped or lost through no fault of its own."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Which attempts are retried."""

    cpu_fallback: bool = True
    """Retry on the CPU when the GPU has too little memory."""
    interruptions: int = 5
    """Retries after interruptions."""


@dataclass(frozen=True, slots=True)
class Complete:
    result: ResultReference


@dataclass(frozen=True, slots=True)
class Fail:
    error: PipelineError


@dataclass(frozen=True, slots=True)
class Retry:
    """A new attempt; `device` None keeps the last attempt's."""

    counts: AttemptCounts
    outcome: AttemptOutcome
    """How the attempt ended."""
    device: Device | None = None


@dataclass(frozen=True, slots=True)
class Ignore:
    """The job stays as it is: the attempt was fenced, and another one is current."""


Decision = Complete | Fail | Retry | Ignore


def decide(end: AttemptEnd, counts: AttemptCounts, policy: RetryPolicy) -> Decision:
    """The job's next state after `end`, with `counts` retries so far."""
    match end.cause:
        case Cause.DEADLINE:
            return _failed(DEADLINE_MESSAGE)
        case Cause.OUT_OF_MEMORY:
            return _once_more(counts, "out_of_memory", "메모리 부족으로 처리에 실패했습니다 (out of memory)")
        case Cause.OUT_OF_DISK:
            return _once_more(counts, "out_of_disk", "디스크 한도를 초과하여 처리에 실패했습니다 (disk limit)")
        case Cause.INTERRUPTED | Cause.LOST:
            return _after_interruption(end, counts, policy)
    return _after_exit(end, counts, policy)


def _after_exit(  # noqa: PLR0911 - a row of the table each
    end: AttemptEnd, counts: AttemptCounts, policy: RetryPolicy
) -> Decision:
    match end.exit_code:
        case ExitCode.OK if end.result is not None:
            return Complete(end.result)
        case ExitCode.FENCED:
            return Ignore()
        case ExitCode.GPU_MEMORY:
            return _after_gpu_memory(end, counts, policy)
        case code if code in _ABORTED:
            return _once_more(counts, "aborted", f"처리 중 오류가 발생했습니다 (exit code {code})", Device.CPU)
        case code if code == _TERMINATED:
            return _after_interruption(end, counts, policy)
        case code if code is not None and (wire_code := error_code_of(code)) is not None:
            return Fail(end.error or PipelineError(code=wire_code, message=f"exit code {code}"))
    return _once_more(counts, "unexpected", f"처리 중 오류가 발생했습니다 (exit code {end.exit_code})")


def _after_gpu_memory(end: AttemptEnd, counts: AttemptCounts, policy: RetryPolicy) -> Decision:
    if policy.cpu_fallback:
        return Retry(counts, AttemptOutcome.GPU_MEMORY, Device.CPU)
    message = end.error.message if end.error else "GPU 메모리가 부족합니다"
    return Fail(PipelineError(code=ErrorCode.GPU_MEMORY_ERROR, message=message))


def _after_interruption(end: AttemptEnd, counts: AttemptCounts, policy: RetryPolicy) -> Decision:
    if counts.interruptions >= policy.interruptions:
        return _failed(f"처리가 {policy.interruptions + 1}번 중단되었습니다 ({end.cause})")
    outcome = AttemptOutcome.LOST if end.cause is Cause.LOST else AttemptOutcome.INTERRUPTED
    return Retry(_raised(counts, "interruptions"), outcome)


def _once_more(counts: AttemptCounts, kind: str, message: str, device: Device | None = None) -> Decision:
    if getattr(counts, kind):
        return _failed(message)
    return Retry(_raised(counts, kind), AttemptOutcome(kind.replace("_", "-")), device)


def _raised(counts: AttemptCounts, kind: str) -> AttemptCounts:
    return counts.model_copy(update={kind: getattr(counts, kind) + 1})


def _failed(message: str) -> Fail:
    return Fail(PipelineError(code=ErrorCode.PROCESSING_ERROR, message=message))
