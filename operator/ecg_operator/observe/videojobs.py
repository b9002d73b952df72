"""The VideoJobs that the watch has brought, as JSON that is parsed when asked for: 5,000 take 15 MB instead of 300."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from ecg_common.clock import Monotonic
from ecg_contract.pace import Pace
from ecg_contract.videojob.manifests import Manifest
from ecg_contract.videojob.resource import VideoJob
from ecg_operator.observe.job_queue import Turn
from ecg_operator.observe.paces import count_finished
from ecg_operator.observe.run_state import RunState, run_state

_SETTLED = ("delivered", "rejected", "undelivered", "disabled")
_RECENT = 256
_DROPPED_METADATA = ("managedFields", "annotations")


@dataclass(frozen=True, slots=True)
class _Stored:
    json: bytes
    uid: str
    version: int
    life: object
    """What changes with each sign of life of its pod."""
    life_seen_at: float
    """When it last changed, in seconds of a clock that nobody sets."""
    at_rest: bool
    """Nothing is left to do but to delete it when its time is over."""
    run: int
    state: RunState
    turn: Turn
    has_attempt: bool
    job: str | None
    """Name of the Job of the attempt at work."""


class VideoJobs:
    """By name: an operator works on one namespace. A `Store`."""

    def __init__(self, monotonic: Monotonic, changed: Callable[[str], None]) -> None:
        """`changed` is called with the name of each VideoJob that was put or dropped."""
        self._monotonic, self._changed = monotonic, changed
        self._recent: dict[tuple[str, int], VideoJob] = {}
        """By uid and version, the last asked for at the end."""
        self.paces: dict[str, Pace] = {}
        """Running means of how long jobs took, by profile."""
        self._stored: dict[str, _Stored] = {}
        self._names: dict[str, str] = {}
        """By uid."""
        self._jobs: set[str] = set()
        """Names of the Jobs of the attempts at work."""

    def __len__(self) -> int:
        return len(self._stored)

    def names(self) -> tuple[str, ...]:
        return tuple(self._stored)

    def names_at_work(self) -> tuple[str, ...]:
        """Those that may need something at any moment."""
        return tuple(name for name, stored in self._stored.items() if not stored.at_rest)

    def get(self, name: str) -> VideoJob | None:
        stored = self._stored.get(name)
        return self._parsed(stored) if stored else None

    def _parsed(self, stored: _Stored) -> VideoJob:
        """Parsed once for each version, while it is among the last ones asked for."""
        key = (stored.uid, stored.version)
        videojob = self._recent.pop(key, None) or VideoJob.model_validate_json(stored.json)
        self._recent[key] = videojob
        if len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]
        return videojob

    def life_seen_at(self, name: str) -> float:
        """When the last sign of life of its pod came: its start or a heartbeat. Raises KeyError."""
        return self._stored[name].life_seen_at

    def run_state(self, name: str) -> RunState:
        """IDLE for an unknown VideoJob."""
        return self._stored[name].state if name in self._stored else RunState.IDLE

    def turn(self, name: str) -> Turn:
        """Its turn in the queue, should it wait. Raises KeyError."""
        return self._stored[name].turn

    def has_attempt(self, name: str) -> bool:
        """Whether its status names an attempt, of any run. Raises KeyError."""
        return self._stored[name].has_attempt

    def count(self, state: RunState) -> int:
        return sum(stored.state is state for stored in self._stored.values())

    def uses_job(self, job: str) -> bool:
        """Whether the attempt at work of a VideoJob names this Job."""
        return job in self._jobs

    def put(self, manifest: Manifest) -> str:
        metadata, version = manifest["metadata"], int(manifest["metadata"]["resourceVersion"])
        name, uid = str(metadata["name"]), str(metadata["uid"])
        old = self._stored.get(name)
        if old is not None and version <= old.version:
            return name
        if old is not None and old.uid != uid:
            self.drop(old.uid)
        life = _signs_of_life(manifest)
        same = old is not None and (old.uid, old.life) == (uid, life)
        seen_at = old.life_seen_at if old is not None and same else self._monotonic()
        run, state = manifest["spec"].get("run", 1), run_state(manifest)
        waited = old is not None and (old.uid, old.run, old.state) == (uid, run, RunState.WAITING)
        turn = _turn(manifest, old.turn.sequence if old is not None and waited else version)
        attempt = (manifest.get("status") or {}).get("attempt") or {}
        job = attempt.get("jobName") if state is RunState.AT_WORK else None
        if old is not None:
            self._jobs.discard(old.job or "")
        if job is not None:
            self._jobs.add(job)
        at_rest = _is_at_rest(manifest)
        if state is RunState.IDLE and (old is None or old.state is RunState.AT_WORK):
            count_finished(manifest, self.paces)
        self._stored[name] = _Stored(
            _slim(manifest), uid, version, life, seen_at, at_rest, run, state, turn, bool(attempt), job
        )
        self._names[uid] = name
        self._changed(name)
        return name

    def drop(self, uid: str) -> str | None:
        name = self._names.pop(uid, None)
        if name is not None:
            self._jobs.discard(self._stored.pop(name).job or "")
            self._changed(name)
        return name

    def drop_named(self, name: str) -> None:
        """Forget a VideoJob whose deletion the watch has not brought."""
        if name in self._stored:
            self.drop(self._stored[name].uid)

    def version(self, uid: str) -> int:
        return self._stored[self._names[uid]].version if uid in self._names else 0

    def uids(self) -> set[str]:
        return set(self._names)


def _turn(manifest: Manifest, sequence: int) -> Turn:
    """The recorded sequence, once there is one, else `sequence`."""
    spec, recorded = manifest["spec"], (manifest.get("status") or {}).get("queue") or {}
    return Turn(
        is_background=not spec.get("interactive", False),
        negative_priority=-spec.get("priority", 0),
        sequence=recorded.get("sequence", sequence),
        name=str(manifest["metadata"]["name"]),
    )


def _signs_of_life(manifest: Manifest) -> object:
    status = manifest.get("status") or {}
    attempt = status.get("attempt") or {}
    return attempt.get("podUID"), attempt.get("startTime"), (status.get("pipeline") or {}).get("heartbeatTime")


def _slim(manifest: Manifest) -> bytes:
    metadata = {name: value for name, value in manifest["metadata"].items() if name not in _DROPPED_METADATA}
    return json.dumps(manifest | {"metadata": metadata}, separators=(",", ":"), ensure_ascii=False).encode()


def _is_at_rest(manifest: Manifest) -> bool:
    """Read from the raw object: asked for each event."""
    spec, status = manifest["spec"], manifest.get("status") or {}
    is_finished = "completionTime" in status and status.get("run") == spec.get("run")
    is_settled = status.get("callback") in _SETTLED and status.get("observedRedelivery") == spec.get("redelivery")
    return is_finished and is_settled
