"""What the watches bring is found again, in whatever order they bring it."""

from typing import Any

from ecg_contract.videojob.names import VIDEOJOB_LABEL
from ecg_operator.observe.cache import Cache
from ecg_operator.observe.job_queue import JobQueue
from ecg_operator.observe.snapshot import Warning_
from support.observations import NOW, videojob


def _cache() -> Cache:
    cache = Cache(lambda: NOW, JobQueue(0, lambda _: None))
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
