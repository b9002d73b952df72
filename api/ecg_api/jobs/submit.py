"""Stores a submitted job, or refuses it with the HTTP status for the reason."""

from dataclasses import replace

from ecg_api.context import Context
from ecg_api.errors import ProblemError, QueueFullError, StoreUnavailableError, busy, queue_full, wrong_field
from ecg_api.metrics import QUEUE_FULL, UNAVAILABLE
from ecg_api.ports import JobKind, Submission, SubmitOutcome
from ecg_api.settings import Settings
from ecg_callbacks.target import check_callback_base
from ecg_common.logs import job_logger
from ecg_common.redact import redact_url


async def submit(context: Context, submission: Submission) -> SubmitOutcome:
    """Store the job durably. Raises ProblemError: 409 another body, 429 full queue, 503 store unavailable."""
    log = job_logger(__name__, submission.job_id, context.traceparent)
    options = submission.options.model_copy(update={"traceparent": context.traceparent})
    try:
        outcome = await context.store.submit(replace(submission, options=options, submitter=context.submitter))
    except QueueFullError as error:
        log.warning("job_refused", extra={"reason": "queue full", "key": error.of_key})
        context.metrics.submitted(submission.kind, QUEUE_FULL)
        raise queue_full(error) from None
    except StoreUnavailableError as error:
        log.error("job_not_stored", extra={"reason": str(error)})
        context.metrics.submitted(submission.kind, UNAVAILABLE)
        raise busy(503, "the job could not be stored; nothing was accepted") from None
    context.metrics.submitted(submission.kind, outcome)
    if outcome is SubmitOutcome.CONFLICT:
        log.warning("job_refused", extra={"reason": "conflict"})
        raise ProblemError(409, "job_id: another request under this id is queued, running or completed")
    log.info("job_submitted", extra={"outcome": outcome, **_log_fields(submission)})
    if submission.callback_base is None and submission.kind is JobKind.VIDEO:
        log.warning("no_callbacks", extra={"reason": "no fastapi_base_url in the request, and no BACKEND_URL"})
    return outcome


def _log_fields(submission: Submission) -> dict[str, str | None]:
    """The job's fields for the log, without credentials."""
    url = submission.source.url
    return {
        "kind": submission.kind,
        "source": redact_url(url) if url else "upload",
        "language": submission.options.language,
        "callback_base": submission.callback_base,
    }


def callback_base(requested: str | None, settings: Settings) -> str | None:
    """The base URL of a request's callbacks; None sends none. Raises ProblemError 422 for a forbidden one."""
    base = requested or settings.backend_url
    if base is None:
        return None
    try:
        check_callback_base(base, settings.callback_policy)
    except ValueError as refusal:
        raise wrong_field("fastapi_base_url", str(refusal)) from None
    return base
