"""A submission as the API creates them."""

from collections.abc import Mapping

from ecg_api.ports import JobKind, Submission, Submitter
from ecg_contract.host_protocol import Source
from ecg_contract.languages import Language
from ecg_contract.options import CarriedOptions


def submission(
    job_id: str,
    *,
    body_key: str = "key",
    callback_base: str | None = "https://b.example",
    priority: int = 0,
    language: Language = Language.KO,
    metadata: Mapping[str, str] | None = None,
    submitter: Submitter | None = None,
) -> Submission:
    return Submission(
        job_id=job_id,
        kind=JobKind.VIDEO,
        source=Source(url="https://example.com/v.mp4"),
        options=CarriedOptions(language=language, priority=priority, metadata=dict(metadata or {})),
        callback_base=callback_base,
        body_key=body_key,
        submitter=submitter,
    )
