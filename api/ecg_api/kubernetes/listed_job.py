"""A VideoJob as lists keep it: packed, as models of 5,000 take 300 MB, with what a list selects by."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

from ecg_api.kubernetes.view import is_undelivered, state_of, view
from ecg_api.ports import JobQuery, JobState, JobView
from ecg_contract.videojob.manifests import Manifest
from ecg_contract.videojob.resource import VideoJob

_EVER = datetime.min.replace(tzinfo=UTC)


class Selected(NamedTuple):
    """What conditions are about."""

    state: JobState
    is_undelivered: bool
    language: str | None
    submitted_at: datetime
    metadata: Mapping[str, str]

    def meets(self, query: JobQuery) -> bool:
        return (
            (not query.states or self.state in query.states)
            and (not query.undelivered or self.is_undelivered)
            and (query.language is None or query.language == self.language)
            and set(query.metadata) <= set(self.metadata.items())
            and self.submitted_at >= (query.submitted_since or _EVER)
            and (query.submitted_before is None or self.submitted_at < query.submitted_before)
        )


@dataclass(frozen=True)
class ListedJob:
    place: tuple[str, str]
    """Time and name; times of the API server have one form, so that they sort as texts."""
    version: int
    """A later one is greater."""
    packed: bytes

    @classmethod
    def of(cls, manifest: Manifest) -> "ListedJob":
        metadata = manifest["metadata"]
        kept = {**manifest, "metadata": {name: value for name, value in metadata.items() if name != "managedFields"}}
        place = (metadata.get("creationTimestamp", ""), metadata["name"])
        return cls(place, int(metadata["resourceVersion"]), json.dumps(kept, separators=(",", ":")).encode())

    @cached_property
    def selected(self) -> Selected:
        """Computed when a list first asks, and kept."""
        videojob = self._videojob()
        job = view(videojob)
        at = job.submitted_at or _EVER
        return Selected(state_of(videojob), is_undelivered(videojob), job.language, at, dict(job.metadata))

    def view(self) -> JobView:
        return view(self._videojob())

    def _videojob(self) -> VideoJob:
        return VideoJob.from_manifest(json.loads(self.packed))
