"""What is read from a pod's status."""

from typing import Any

import pytest

from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import PipelineError
from ecg_contract.stages import Stage
from ecg_operator.observe.snapshot import Warning_, observed_pod
from ecg_operator.observe.warning_events import _pass_on
from support.observations import World

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


SIGNED = (
    'failed to copy: Get "https://layers.s3.amazonaws.com/sha256:1?X-Amz-Signature=canary&X-Amz-Credential=AKIA": EOF'
)
PLAIN = 'failed to copy: Get "https://layers.s3.amazonaws.com/sha256:1": EOF'


def _pod(**status: Any) -> dict[str, Any]:
    return {**_evicted("", with_container=False), "status": status}


@pytest.mark.parametrize("reason", ["ErrImagePull", "CreateContainerError"])
def test_what_the_kubelet_quotes_of_a_container_runtime_is_redacted(reason: str) -> None:
    waiting = {"name": "pipeline", "state": {"waiting": {"reason": reason, "message": SIGNED}}}
    assert observed_pod(_pod(containerStatuses=[waiting])).waiting == (reason, PLAIN)


def test_what_the_scheduler_says_is_redacted() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": SIGNED}
    assert observed_pod(_pod(conditions=[condition])).waiting == ("Unschedulable", PLAIN)


def test_a_termination_message_is_redacted() -> None:
    ended = {"name": "pipeline", "state": {"terminated": {"exitCode": 12, "message": SIGNED}}}
    found = observed_pod(_pod(containerStatuses=[ended])).ended
    assert found is not None
    assert found.message == PLAIN


def test_a_warning_event_is_redacted() -> None:
    seen: list[Warning_] = []
    about = {"kind": "Pod", "uid": "u"}
    _pass_on({"involvedObject": about, "reason": "FailedMount", "message": SIGNED}, seen.append)
    assert seen == [Warning_("u", "FailedMount", PLAIN)]


def test_a_pods_own_error_is_redacted_before_it_is_sent() -> None:
    world = World()
    world.run_pod()
    world.fail(PipelineError(code=ErrorCode.PROCESSING_ERROR, message=SIGNED))
    assert world.videojob.status.error is not None
    assert world.videojob.status.error.message == PLAIN


def test_a_pods_own_message_is_redacted_before_it_is_shown() -> None:
    world = World()
    world.run_pod()
    world.report(Stage.DOWNLOAD, message=SIGNED)
    assert world.videojob.status.message == PLAIN
