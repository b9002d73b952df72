"""What the watches have told, and nothing else: a VideoJob's own JSON, its Jobs and pods as small records.

VideoJobs are kept as bytes and read again when they are looked at: five thousand of them take 15 MB, not 300.
"""

import json
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from ecg_contract.videojob.resource import VideoJob
from ecg_operator.observe.snapshot import Observed, ObservedJob, ObservedPod, Warning_, observed_job, observed_pod

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
    """Objects of one kind, by uid and by the VideoJob that they belong to."""

    read: Callable[[Manifest], _T]
    known: dict[str, tuple[int, _T]] = field(default_factory=dict)
    """With their versions."""
    by_videojob: dict[str, dict[str, _T]] = field(default_factory=dict)

    def put(self, manifest: Manifest) -> str:
        """Its VideoJob's name. Old news changes nothing."""
        child, version = self.read(manifest), int(manifest["metadata"]["resourceVersion"])
        if version >= self.version(child.uid):
            self.known[child.uid] = (version, child)
            self.by_videojob.setdefault(child.videojob, {})[child.uid] = child
        return child.videojob

    def drop(self, uid: str) -> str | None:
        """The name of the VideoJob that it belonged to; None where it was not known."""
        _, child = self.known.pop(uid, (0, None))
        if child is None:
            return None
        siblings = self.by_videojob[child.videojob]
        del siblings[uid]
        if not siblings:
            del self.by_videojob[child.videojob]
        return child.videojob

    def of(self, videojob: str) -> tuple[_T, ...]:
        return tuple(self.by_videojob.get(videojob, {}).values())

    def version(self, uid: str) -> int:
        return self.known[uid][0] if uid in self.known else 0

    def videojob_of(self, uid: str) -> str | None:
        return self.known[uid][1].videojob if uid in self.known else None


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
        self._in_sync_since = clock()
        self._videojobs: dict[str, _Stored] = {}
        self._jobs: _Children[ObservedJob] = _Children(observed_job)
        self._pods: _Children[ObservedPod] = _Children(observed_pod)
        self._warnings: dict[str, Warning_] = {}
        """By the uid that they are about; it may be told of before its object is."""

    def __len__(self) -> int:
        return len(self._videojobs)

    def mark_in_sync(self) -> None:
        """Heartbeats that are missing from before are the operator's own gap, and held against no pod."""
        self._in_sync_since = self._clock()

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

    def put(self, kind: str, manifest: Manifest) -> str:
        """A Job or a pod; the name of its VideoJob."""
        return self._children(kind).put(manifest)

    def drop(self, kind: str, uid: str) -> str | None:
        """A Job or a pod that is gone; the name of its VideoJob, None where it was not known."""
        self._warnings.pop(uid, None)
        return self._children(kind).drop(uid)

    def warn(self, warning: Warning_) -> str | None:
        """Keep the newest; the VideoJob that it concerns, None where that is not known."""
        uid = warning.about_uid
        self._warnings.pop(uid, None)
        while len(self._warnings) >= _WARNINGS:  # others' pods, and pods that the watch has not told of yet
            del self._warnings[next(iter(self._warnings))]
        self._warnings[uid] = warning
        return self._jobs.videojob_of(uid) or self._pods.videojob_of(uid)

    def observe(self, name: str) -> Observed | None:
        """All that is known about one; None where it is gone."""
        stored = self._videojobs.get(name)
        if stored is None:
            return None
        jobs, pods = self._jobs.of(name), self._pods.of(name)
        uids = [job.uid for job in jobs] + [pod.uid for pod in pods]
        warnings = tuple(self._warnings[uid] for uid in uids if uid in self._warnings)
        return Observed(
            VideoJob.model_validate_json(stored.json), jobs, pods, warnings, max(stored.heard_at, self._in_sync_since)
        )

    def version(self, kind: str, uid: str, name: str) -> int:
        """The newest version seen of an object; 0 for none."""
        if kind == "videojobs":
            stored = self._videojobs.get(name)
            return stored.version if stored and stored.uid == uid else 0
        return self._children(kind).version(uid)

    def uids(self, kind: str) -> set[str]:
        if kind == "videojobs":
            return {stored.uid for stored in self._videojobs.values()}
        return set(self._children(kind).known)

    def drop_all(self, kind: str, uids: Set[str]) -> set[str]:
        """Objects that are not there any more; the names of the VideoJobs concerned."""
        if kind != "videojobs":
            return {name for uid in uids if (name := self.drop(kind, uid))}
        gone = {name for name, stored in self._videojobs.items() if stored.uid in uids}
        for name in gone:
            del self._videojobs[name]
        return gone

    def _children(self, kind: str) -> "_Children[ObservedJob] | _Children[ObservedPod]":
        return self._jobs if kind == "jobs" else self._pods


def _is_at_rest(manifest: Manifest) -> bool:
    """Read from the raw object: asked for each event."""
    spec, status = manifest["spec"], manifest.get("status") or {}
    over = "completionTime" in status and status.get("run") == spec.get("run")
    sent = status.get("callback") in _SETTLED and status.get("observedRedelivery") == spec.get("redelivery")
    return over and sent
