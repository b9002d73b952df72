"""`ecg fake-callbacks`: sends a backend the callbacks of a job, by the code that sends the real ones."""

import argparse
import asyncio
import hashlib
import os
import tempfile
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from ecg_api.cli.terminal import complain, say
from ecg_callbacks.body import FileResults
from ecg_callbacks.decision import acknowledged, next_callback
from ecg_callbacks.sender import CallbackSender, Outcome
from ecg_callbacks.target import CallbackPolicy
from ecg_callbacks.types import Due, Failure, JobFacts
from ecg_common.clock import utc_now
from ecg_contract.delivery_record import DeliveryRecord
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import ResultReference
from ecg_contract.result import AcousticFeatures, AnalysisResult, Segment, Word
from ecg_contract.stages import Stage
from ecg_contract.wire.models import WireResult
from ecg_contract.wire.result import wire_json

_PROGRESS = tuple(stage for stage in Stage if stage is not Stage.COMPLETED)
_STAGES_OF_A_FAILURE = 3


def run(arguments: argparse.Namespace) -> int:
    """0 where every callback was acknowledged."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = _stored(arguments.result.read_bytes() if arguments.result else _small_result(), Path(folder))
            policy = CallbackPolicy(backend_url=arguments.url)
            return asyncio.run(_send_all(arguments, policy, result))
        except (ValueError, OSError) as error:
            complain(f"ecg fake-callbacks: {error}")
            return 2


async def _send_all(arguments: argparse.Namespace, policy: CallbackPolicy, result: ResultReference) -> int:
    sender = CallbackSender(FileResults(), policy, os.environ.get("CALLBACK_SECRET"))
    failures = 0
    try:
        async for due, facts in _story(arguments, result):
            for _ in range(2 if arguments.twice else 1):
                outcome = await sender.send(due, facts)
                failures += isinstance(outcome, Failure)
                say(_line(due, outcome))
                await asyncio.sleep(arguments.pause)
    finally:
        await sender.aclose()
    return 1 if failures else 0


async def _story(arguments: argparse.Namespace, result: ResultReference) -> AsyncIterator[tuple[Due, JobFacts]]:
    """Every callback of the job, decided as those of real jobs are."""
    facts = JobFacts(uid=uuid.uuid4().hex, job_id=arguments.job_id, callback_base=arguments.url)
    reached = _PROGRESS[:_STAGES_OF_A_FAILURE] if arguments.failed else _PROGRESS
    record, now = DeliveryRecord(), utc_now()
    ends = _ended(replace(facts, reached=reached), failed=arguments.failed, result=result)
    for known in [*(replace(facts, reached=reached[:count]) for count in range(1, len(reached) + 1)), ends]:
        due = next_callback(record, known, now)
        assert isinstance(due, Due)
        yield due, known
        record = acknowledged(record, due, now)


def _ended(facts: JobFacts, *, failed: bool, result: ResultReference) -> JobFacts:
    if failed:
        message = "화자 식별에 실패했습니다"
        return replace(facts, terminal="failed", error_code=ErrorCode.PROCESSING_ERROR, error_message=message)
    return replace(facts, terminal="completed", result=result)


def _line(due: Due, outcome: Outcome) -> str:
    answer = outcome.error if isinstance(outcome, Failure) else f"HTTP {outcome.http_status}"
    progress = "" if due.progress is None else f" {due.progress}"
    return f"{due.status}{progress} -> {answer}"


def _stored(content: bytes, folder: Path) -> ResultReference:
    """Raises ValueError for what is no result."""
    result = WireResult.model_validate_json(content)
    path = folder / "result.json"
    path.write_bytes(content)
    return ResultReference(
        location=str(path),
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        segments=len(result.segments),
        words=len(result.word_segments),
        speakers=len(result.speakers),
        language=result.language,
        duration=result.duration,
        processing_time=result.metadata.processing_time,
    )


def _small_result() -> bytes:
    word = Word("안녕하세요", 0.5, 1.2, 0.95, "SPEAKER_00", AcousticFeatures(-20.0, 150.0, 1500.0))
    segment = Segment(0.5, 1.2, "안녕하세요", "SPEAKER_00", [word])
    return wire_json(AnalysisResult([segment], 2.0, "auto", "ko", "fake", "cpu", 1.0))
