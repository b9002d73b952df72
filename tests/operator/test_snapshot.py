"""What is read from a pod's status."""

import pytest

from ecg_operator.observe.snapshot import observed_pod

_LIMITS = [
    "Pod ephemeral local storage usage exceeds the total limit of containers 30Mi. ",
    'Usage of EmptyDir volume "models" exceeds the limit "20Gi". ',
    'Container pipeline exceeded its local ephemeral storage limit "1Gi". ',
]
_FULL_NODE = "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 900Mi. "


def _evicted(message: str, *, with_container: bool) -> dict[str, object]:
    terminated = {"name": "pipeline", "state": {"terminated": {"exitCode": 143, "reason": "Error"}}}
    return {
        "metadata": {
            "name": "p",
            "uid": "u",
            "creationTimestamp": "2026-11-23T12:00:00Z",
            "labels": {"ecg-analyzer.io/videojob": "v", "ecg-analyzer.io/attempt": "1"},
        },
        "spec": {},
        "status": {
            "phase": "Failed",
            "reason": "Evicted",
            "message": message,
            "containerStatuses": [terminated] if with_container else [],
        },
    }


@pytest.mark.parametrize("with_container", [True, False])
@pytest.mark.parametrize("message", _LIMITS)
def test_an_eviction_for_the_pods_own_limit_is_its_own_fault(message: str, with_container: bool) -> None:
    ended = observed_pod(_evicted(message, with_container=with_container)).ended
    assert ended is not None
    assert ended.out_of_disk


@pytest.mark.parametrize("with_container", [True, False])
def test_an_eviction_from_a_full_node_is_not(with_container: bool) -> None:
    ended = observed_pod(_evicted(_FULL_NODE, with_container=with_container)).ended
    assert ended is not None
    assert ended.interrupted
    assert not ended.out_of_disk
