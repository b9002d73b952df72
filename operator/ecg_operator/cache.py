"""What the watches have told, and nothing else: a VideoJob's own JSON, its Jobs and pods as small records.

VideoJobs are kept as bytes and read again when they are looked at: five thousand of them take 15 MB, not 300.
"""

import json
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from ecg_contract.videojob import VideoJob
from ecg_operator.observed import Observed, ObservedJob, ObservedPod, Warning_, observed_job, observed_pod

Manifest = dict[str, Any]

_WARNINGS = 5000
_SETTLED = ("delivered", "rejected", "undelivered", "disabled")


class _Child(Protocol):
    @property
    def uid(self) -> str: ...
    @property
    def videojob(self) -> str: ...


_T = TypeVar("_T", bound=_Child)


@dataclass
class _Children(Generic[_T]):
    """Objects of one kind, by the VideoJob that they belong to."""

    by_videojob: dict[str, dict[str, _T]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def put(self, child: _T, version: int) -> bool:
        """False for old news."""
        if version < self.versions.get(child.uid, 0):
            return False
        self.versions[child.uid] = version
        self.by_videojob.setdefault(child.videojob, {})[child.uid] = child
        return True

    def drop(self, child: _T) -> None:
        self.versions.pop(child.uid, None)
        siblings = self.by_videojob.get(child.videojob, {})
        siblings.pop(child.uid, None)
        if not siblings:
            self.by_videojob.pop(child.videojob, None)

    def of(self, videojob: str) -> tuple[_T, ...]:
        return tuple(self.by_videojob.get(videojob, {}).values())

    def drop_all(self, uids: Set[str]) -> set[str]:
        """The VideoJobs that lost one."""
        gone = [c for children in self.by_videojob.values() for c in children.values() if c.uid in uids]
        for child in gone:
            self.drop(child)
        return {child.videojob for child in gone}


@dataclass
class _Stored:
    json: bytes
    uid: str
    version: int
    heartbeat: object
    heard_at: datetime
    at_rest: bool
    """Nothing is left to be done about it but to remove it in its time."""


class Cache:
    """Keyed by the VideoJob's name: one namespace is one operator's."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._videojobs: dict[str, _Stored] = {}
        self._jobs: _Children[ObservedJob] = _Children()
        self._pods: _Children[ObservedPod] = _Children()
        self._warnings: dict[str, tuple[str, Warning_]] = {}
        """By the uid that they are about, with its VideoJob."""

    def __len__(self) -> int:
        return len(self._videojobs)

    def names(self) -> tuple[str, ...]:
        return tuple(self._videojobs)

    def names_at_work(self) -> tuple[str, ...]:
        """Those about which something may be to be done at any moment."""
        return tuple(name for name, stored in self._videojobs.items() if not stored.at_rest)

    def put_videojob(self, manifest: Manifest) -> bool:
        """False for old news."""
        metadata, version = manifest["metadata"], int(manifest["metadata"]["resourceVersion"])
        name, uid = metadata["name"], metadata["uid"]
        old = self._videojobs.get(name)
        if old is not None and version < old.version:
            return False
        heartbeat = ((manifest.get("status") or {}).get("pipeline") or {}).get("heartbeatTime")
        same = old is not None and old.uid == uid and old.heartbeat == heartbeat
        heard_at = old.heard_at if old is not None and same else self._clock()
        slim = manifest | {"metadata": {k: v for k, v in metadata.items() if k not in ("managedFields", "annotations")}}
        stored = json.dumps(slim, separators=(",", ":"), ensure_ascii=False).encode()
        self._videojobs[name] = _Stored(stored, uid, version, heartbeat, heard_at, _is_at_rest(manifest))
        return True

    def drop_videojob(self, name: str, uid: str) -> None:
        """Nothing when the name is another's by now."""
        stored = self._videojobs.get(name)
        if stored is not None and stored.uid == uid:
            del self._videojobs[name]

    def videojob(self, name: str) -> VideoJob | None:
        stored = self._videojobs.get(name)
        return VideoJob.model_validate_json(stored.json) if stored else None

    def put_job(self, manifest: Manifest) -> bool:
        return self._jobs.put(observed_job(manifest), _version(manifest))

    def drop_job(self, manifest: Manifest) -> None:
        self._jobs.drop(observed_job(manifest))
        self._warnings.pop(manifest["metadata"]["uid"], None)

    def put_pod(self, manifest: Manifest) -> bool:
        return self._pods.put(observed_pod(manifest), _version(manifest))

    def drop_pod(self, manifest: Manifest) -> None:
        self._pods.drop(observed_pod(manifest))
        self._warnings.pop(manifest["metadata"]["uid"], None)

    def warn(self, warning: Warning_) -> str | None:
        """Keep the newest; the VideoJob that it concerns, None where it concerns none."""
        self._warnings.pop(warning.about_uid, None)
        while len(self._warnings) >= _WARNINGS:  # others' pods, and pods that the watch has not told of yet
            del self._warnings[next(iter(self._warnings))]
        name = self._videojob_of(warning.about_uid)
        self._warnings[warning.about_uid] = (name, warning)
        return name or None

    def observe(self, name: str) -> Observed | None:
        """All that is known about one; None where it is gone."""
        stored = self._videojobs.get(name)
        if stored is None:
            return None
        jobs, pods = self._jobs.of(name), self._pods.of(name)
        uids = [job.uid for job in jobs] + [pod.uid for pod in pods]
        warnings = tuple(self._warnings[uid][1] for uid in uids if uid in self._warnings)
        return Observed(VideoJob.model_validate_json(stored.json), jobs, pods, warnings, stored.heard_at)

    def version(self, kind: str, uid: str, name: str) -> int:
        """The newest version seen of an object; 0 for none."""
        if kind == "videojobs":
            stored = self._videojobs.get(name)
            return stored.version if stored and stored.uid == uid else 0
        return (self._jobs if kind == "jobs" else self._pods).versions.get(uid, 0)

    def uids(self, kind: str) -> set[str]:
        if kind == "videojobs":
            return {stored.uid for stored in self._videojobs.values()}
        return set((self._jobs if kind == "jobs" else self._pods).versions)

    def drop(self, kind: str, uids: Set[str]) -> set[str]:
        """Objects that are not there any more; the names of the VideoJobs concerned."""
        if not uids:
            return set()
        if kind != "videojobs":
            return (self._jobs if kind == "jobs" else self._pods).drop_all(uids)
        gone = {name for name, stored in self._videojobs.items() if stored.uid in uids}
        for name in gone:
            del self._videojobs[name]
        return gone

    def _videojob_of(self, uid: str) -> str:
        for children in (self._jobs.by_videojob, self._pods.by_videojob):
            for name, siblings in children.items():
                if uid in siblings:
                    return name
        return ""


def _is_at_rest(manifest: Manifest) -> bool:
    """Read from the raw object: asked for each event."""
    spec, status = manifest["spec"], manifest.get("status") or {}
    over = "completionTime" in status and status.get("run") == spec.get("run")
    sent = status.get("callback") in _SETTLED and status.get("observedRedelivery") == spec.get("redelivery")
    return over and sent


def _version(manifest: Manifest) -> int:
    return int(manifest["metadata"]["resourceVersion"])
