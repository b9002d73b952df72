"""A page of VideoJobs, the newest first. Pure.

A cursor is the time and the name of a page's last VideoJob.
"""

from collections.abc import Iterable

from ecg_api.kubernetes.listed_job import ListedJob
from ecg_api.ports import JobPage, JobQuery

_SEPARATOR = "/"


def page_of(jobs: Iterable[ListedJob], query: JobQuery) -> JobPage:
    """Raises ValueError for a cursor that is none."""
    before = _parsed(query.after) if query.after is not None else None
    newest_first = sorted(jobs, key=lambda job: job.place, reverse=True)
    candidates = (job for job in newest_first if before is None or job.place < before)
    page: list[ListedJob] = []
    for job in candidates:
        if job.selected.meets(query):
            if len(page) == query.limit:
                return JobPage([shown.view() for shown in page], _SEPARATOR.join(page[-1].place))
            page.append(job)
    return JobPage([job.view() for job in page], None)


def _parsed(cursor: str) -> tuple[str, str]:
    time, separator, name = cursor.partition(_SEPARATOR)
    if not (time and separator and name):
        raise ValueError("no cursor")
    return time, name
