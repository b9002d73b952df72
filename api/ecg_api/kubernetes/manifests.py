"""Builds the VideoJob of a request, and the Secret of a URL that is a credential. Pure."""

import math
import re
from urllib.parse import urlsplit

from ecg_api.ports import JobKind, Submission
from ecg_contract.base_model import PLAIN
from ecg_contract.options import options_of
from ecg_contract.videojob.manifests import Manifest, url_secret
from ecg_contract.videojob.names import (
    LANGUAGE_LABEL,
    METADATA_LABELS,
    SUBMITTER_LABEL,
    source_secret_name,
    videojob_name,
)
from ecg_contract.videojob.resource import Metadata, VideoJob
from ecg_contract.videojob.spec import (
    MAX_DEADLINE_S,
    SOURCE_URL_LENGTH,
    SPEC_CHANGING,
    VideoJobCallback,
    VideoJobSource,
    VideoJobSpec,
)

_LABEL = re.compile(r"[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?", re.ASCII)
"""A label's value, and its name after the prefix."""


def is_credential(url: str) -> bool:
    """Whether to hide the URL from readers of VideoJobs: a query may be a signature, user information a password."""
    parts = urlsplit(url)
    return bool(parts.query or parts.username or parts.password)


def _needs_secret(url: str) -> bool:
    """Whether the URL stands in a Secret: a credential, and what does not fit into the VideoJob."""
    return is_credential(url) or len(url) > SOURCE_URL_LENGTH or not re.search(PLAIN, url)


def videojob_manifest(submission: Submission, url: str, source_name: str) -> Manifest:
    """The VideoJob to create; `url` is the submission's, or that of its upload."""
    name, limit = videojob_name(submission.job_id), submission.work_limit_s
    in_secret = _needs_secret(url)
    spec = VideoJobSpec(
        job_id=submission.job_id,
        source=VideoJobSource(url=None if in_secret else url, from_secret=in_secret, name=source_name),
        callback=VideoJobCallback(base_url=submission.callback_base) if submission.callback_base else None,
        interactive=submission.kind is JobKind.TRANSCRIPTION,
        request_digest=submission.body_key,
        active_deadline_seconds=None if limit is None else min(math.ceil(limit), MAX_DEADLINE_S),
        **options_of(submission.options),
    )
    manifest = VideoJob(metadata=Metadata(name=name), spec=spec).to_manifest()
    return {**manifest, "metadata": {"name": name, "labels": _labels(submission)}, "status": {}}


def _labels(submission: Submission) -> dict[str, str]:
    """What people select VideoJobs by: of the caller's metadata, the pairs that have the form of a label."""
    options, submitter = submission.options, submission.submitter
    own = {LANGUAGE_LABEL: options.language.value} | ({SUBMITTER_LABEL: submitter.name} if submitter else {})
    pairs = options.metadata.items()
    fitting = {
        name: value for name, value in pairs if _LABEL.fullmatch(name) and (not value or _LABEL.fullmatch(value))
    }
    return {f"{METADATA_LABELS}/{name}": value for name, value in fitting.items()} | own


def can_run_again(videojob: VideoJob, wanted: Manifest) -> bool:
    """Whether `wanted` differs from this VideoJob only in fields that can change in place."""
    spec = VideoJobSpec.model_validate(wanted["spec"])
    return videojob.spec.model_dump(exclude=SPEC_CHANGING) == spec.model_dump(exclude=SPEC_CHANGING)


def source_secret_manifest(videojob: VideoJob, url: str) -> Manifest:
    metadata = videojob.metadata
    return url_secret(source_secret_name(metadata.name, metadata.uid), metadata.name, metadata.uid, url)
