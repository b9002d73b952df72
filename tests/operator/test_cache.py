"""What the watches bring is found again, in whatever order they bring it."""

from typing import Any

from ecg_contract.videojob.names import VIDEOJOB_LABEL
from ecg_operator.observe.cache import Cache
from ecg_operator.observe.job_queue import JobQueue
from ecg_operator.observe.snapshot import Warning_
from ecg_operator.observe.videojobs import VideoJobs
from support.observations import NOW, videojob


def _cache() -> Cache:
    cache = Cache(lambda: 0.0, JobQueue(0, lambda _: None))
    cache.videojobs.put(videojob().to_manifest())
    return cache


def _pod(version: int, **changes: Any) -> dict[str, Any]:
    labels = {VIDEOJOB_LABEL: "job"}
    metadata = {"name": "p", "uid": "u", "resourceVersion": str(version), "labels": labels}
    metadata |= {"creationTimestamp": NOW.isoformat()}
    return {"metadata": metadata | changes, "spec": {"nodeName": f"node-{version}"}}


def _observed(cache: Cache) -> Any:
    observed = cache.observe("job")
    assert observed is not None
    return observed


def test_a_warning_may_come_before_the_pod_that_it_is_about() -> None:
    cache = _cache()
    assert cache.warn(Warning_("u", "FailedMount", "no secret")) is None
    cache.pods.put(_pod(1))
    assert [w.reason for w in _observed(cache).warnings] == ["FailedMount"]
    assert cache.warn(Warning_("u", "FailedMount", "still none")) == "job"
    assert [w.message for w in _observed(cache).warnings] == ["still none"]


def test_a_stale_resource_version_is_ignored() -> None:
    cache = _cache()
    for version in (2, 1):
        assert cache.pods.put(_pod(version)) == "job"
    assert [pod.node for pod in _observed(cache).pods] == ["node-2"]


def test_warnings_of_a_deleted_pod_are_dropped() -> None:
    cache = _cache()
    cache.pods.put(_pod(1))
    cache.warn(Warning_("u", "FailedMount", ""))
    assert cache.pods.drop("u") == "job"
    assert cache.pods.drop("u") is None
    cache.pods.put(_pod(2))
    assert _observed(cache).warnings == ()


def _reporting(version: int, heartbeat: str, pod: str = "p", started: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    status = {"attempt": {"podUID": pod, "startTime": started}, "pipeline": {"heartbeatTime": heartbeat}}
    metadata = {"name": "v", "uid": "u", "resourceVersion": str(version)}
    return {"metadata": metadata, "spec": {"jobId": "v", "source": {"url": "https://a.example/v"}}, "status": status}


def test_silence_is_counted_from_the_last_sign_of_life_by_a_clock_that_nobody_sets() -> None:
    seconds = [0.0]
    stored = VideoJobs(lambda: seconds[0], lambda _: None)
    for now, manifest, seen_at in (
        (10.0, _reporting(1, "2026-01-01T00:00:01Z"), 10.0),
        (20.0, _reporting(2, "2026-01-01T00:00:01Z"), 10.0),
        (30.0, _reporting(3, "2020-01-01T00:00:00Z"), 30.0),
        (40.0, _reporting(4, "2020-01-01T00:00:00Z", started="2026-01-01T00:09:00Z"), 40.0),
        (50.0, _reporting(5, "2020-01-01T00:00:00Z", pod="q"), 50.0),
    ):
        seconds[0] = now
        stored.put(manifest)
        assert stored.life_seen_at("v") == seen_at
