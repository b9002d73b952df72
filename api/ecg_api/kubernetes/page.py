"""A page of VideoJobs, the newest first. Pure.

The API server lists by name, so all of them are read; only those that may be on the page become models. A cursor is the
time and the name of a page's last VideoJob.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from ecg_api.kubernetes.view import is_undelivered, state_of, view
from ecg_api.ports import JobPage, JobQuery, JobView
from ecg_contract.videojob.manifests import Manifest
from ecg_contract.videojob.resource import VideoJob

_SEPARATOR = "/"
_EVER = datetime.min.replace(tzinfo=UTC)


def page_of(manifests: Sequence[Manifest], query: JobQuery) -> JobPage:
    """Raises ValueError for a cursor that is none."""
    before = _parsed(query.after) if query.after is not None else None
    newest_first = sorted(manifests, key=_place, reverse=True)
    candidates = (manifest for manifest in newest_first if before is None or _place(manifest) < before)
    jobs: list[JobView] = []
    last = ""
    for place, job in _found(candidates, query):
        if len(jobs) == query.limit:
            return JobPage(jobs, last)
        jobs.append(job)
        last = _SEPARATOR.join(place)
    return JobPage(jobs, None)


def _found(candidates: Iterator[Manifest], query: JobQuery) -> Iterator[tuple[tuple[str, str], JobView]]:
    for manifest in candidates:
        videojob = VideoJob.from_manifest(manifest)
        if query.states and state_of(videojob) not in query.states:
            continue
        if query.undelivered and not is_undelivered(videojob):
            continue
        job = view(videojob)
        if _is_within(job, query):
            yield _place(manifest), job


def _is_within(job: JobView, query: JobQuery) -> bool:
    if query.language is not None and job.language != query.language:
        return False
    if not set(query.metadata) <= set(job.metadata.items()):
        return False
    since, before = query.submitted_since or _EVER, query.submitted_before
    at = job.submitted_at or _EVER
    return at >= since and (before is None or at < before)


def _place(manifest: Manifest) -> tuple[str, str]:
    """Times of the API server have one form, so that they sort as texts."""
    metadata = manifest["metadata"]
    return metadata.get("creationTimestamp", ""), metadata["name"]


def _parsed(cursor: str) -> tuple[str, str]:
    time, separator, name = cursor.partition(_SEPARATOR)
    if not (time and separator and name):
        raise ValueError("no cursor")
    return time, name
