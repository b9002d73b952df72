"""The chart's admission policy for the ConfigMaps that hold the chunks of a result, on a real API server.

Tokens are bound to real pod objects, as a pod's own is. Every write here is one that the pods' Role allows.
"""

import base64
import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ecg_contract.videojob.refusals import FENCED, FINISHED, UNASSIGNED
from ecg_dev.waiting import wait_until
from support.played_kubelet import Manifest, PlayedPod, client, now
from support.release import Release, refused

LARGEST = 900 * 1024


def _chunk(videojob: Manifest, pod: PlayedPod, **metadata: Any) -> Manifest:
    owner = {key: videojob[key] for key in ("apiVersion", "kind")}
    owner |= {key: videojob["metadata"][key] for key in ("name", "uid")}
    labels = {"ecg-analyzer.io/videojob": owner["name"], "ecg-analyzer.io/videojob-uid": owner["uid"]}
    own = {"name": f"{pod.name}-result-0", "labels": labels, "ownerReferences": [owner]}
    content = {"chunk": base64.b64encode(b"piece").decode()}
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}
    return {**kind, "metadata": own | metadata, "immutable": True, "binaryData": content}


def _store(release: Release, pod: PlayedPod, chunk: Manifest, **query: str) -> httpx.Response:
    with client(release.plane, pod.token()) as own:
        return own.post(f"/api/v1/namespaces/{release.namespace}/configmaps", json=chunk, params=query)


def _assigned(release: Release) -> tuple[Manifest, PlayedPod]:
    """A VideoJob and its pod, once the API server's policies see that it is assigned."""
    videojob, pod = release.assigned()
    wait_until(lambda: _store(release, pod, _chunk(videojob, pod), dryRun="All").is_success, 30)
    return videojob, pod


def _piece(size: int) -> Manifest:
    return {"chunk": base64.b64encode(bytes(size)).decode()}


def test_a_pod_stores_its_result(release: Release) -> None:
    videojob, pod = _assigned(release)
    for number in (0, 9, 10, 31):
        chunk = _chunk(videojob, pod, name=f"{pod.name}-result-{number}") | {"binaryData": _piece(LARGEST)}
        answer = _store(release, pod, chunk)
        assert answer.status_code == 201, answer.text


def test_a_pod_stores_nothing_before_it_is_assigned(release: Release) -> None:
    videojob = release.videojob()
    pod = release.pod(videojob)
    wait_until(lambda: UNASSIGNED in _store(release, pod, _chunk(videojob, pod)).text, 30)


def test_a_pod_stores_nothing_once_another_is_assigned_or_the_run_is_over(release: Release) -> None:
    videojob, old = _assigned(release)
    new = release.pod(videojob, 2)
    release.assign(videojob, new, 2)
    wait_until(lambda: FENCED in _store(release, old, _chunk(videojob, old), dryRun="All").text, 30)
    refused(_store(release, old, _chunk(videojob, old)), FENCED)
    release.assign(videojob, new, 2, completionTime=now())
    wait_until(lambda: FINISHED in _store(release, new, _chunk(videojob, new), dryRun="All").text, 30)


def test_a_later_attempts_pod_waits_for_its_turn(release: Release) -> None:
    """The policies may see the attempt before for a moment: no reason to give up."""
    videojob, _ = _assigned(release)
    later = release.pod(videojob, 2)
    refused(_store(release, later, _chunk(videojob, later)), UNASSIGNED)


Change = Callable[[Manifest], Any]


def _owner(chunk: Manifest) -> Manifest:
    return dict(chunk["metadata"]["ownerReferences"][0])


FORGED: dict[str, tuple[Change, str]] = {
    "no number": (lambda c: c["metadata"].update(name=c["metadata"]["name"][:-1] + "x"), "named <pod>-result-"),
    "a number twice": (lambda c: c["metadata"].update(name=c["metadata"]["name"] + "0"), "named <pod>-result-"),
    "a piece too many": (lambda c: c["metadata"].update(name=c["metadata"]["name"][:-1] + "32"), "at most 32"),
    "a second key": (lambda c: c["binaryData"].update(more="eA=="), "the one key chunk"),
    "another key": (lambda c: c.update(binaryData={"other": "eA=="}), "the one key chunk"),
    "text": (lambda c: c.update(data={"text": "x"}), "the one key chunk"),
    "a large piece": (lambda c: c.update(binaryData=_piece(LARGEST + 3)), "at most 900 KiB"),
    "annotations": (lambda c: c["metadata"].update(annotations={"a": "b"}), "no annotations"),
    "another label": (lambda c: c["metadata"]["labels"].update(more="x"), "the labels"),
    "another name": (lambda c: c["metadata"].update(name="ecg-pods"), "named <pod>-result-"),
    "a made-up name": (lambda c: c["metadata"].update(name="", generateName="x-"), "named <pod>-result-"),
    "changeable": (lambda c: c.pop("immutable"), "are immutable"),
    "no owner": (lambda c: c["metadata"].pop("ownerReferences"), "have one owner"),
    "two owners": (
        lambda c: c["metadata"]["ownerReferences"].append(_owner(c) | {"uid": "other"}),
        "have one owner",
    ),
    "another kind of owner": (lambda c: c["metadata"]["ownerReferences"][0].update(kind="Pod"), "have one owner"),
    "another VideoJob": (lambda c: c["metadata"]["ownerReferences"][0].update(name="other"), "have one owner"),
    "another uid": (
        lambda c: c["metadata"]["ownerReferences"][0].update(uid=secrets.token_hex(16)),
        "have one owner",
    ),
    "an owner it holds up": (
        lambda c: c["metadata"]["ownerReferences"][0].update(blockOwnerDeletion=True),
        "have one owner",
    ),
    "another's label": (lambda c: c["metadata"]["labels"].update({"ecg-analyzer.io/videojob": "x"}), "the labels"),
    "a finalizer": (lambda c: c["metadata"].update(finalizers=["example.com/keep"]), "no finalizers"),
}


@pytest.mark.parametrize(("change", "message"), FORGED.values(), ids=FORGED)
def test_a_pod_stores_nothing_but_its_result(release: Release, change: Change, message: str) -> None:
    videojob, pod = _assigned(release)
    chunk = _chunk(videojob, pod)
    change(chunk)
    refused(_store(release, pod, chunk), message)


def test_a_pod_writes_nothing_in_anothers_name(release: Release) -> None:
    videojob, pod = _assigned(release)
    other = release.pod(videojob)
    refused(_store(release, pod, _chunk(videojob, other)), "named <pod>-result-")


def test_a_pod_changes_and_deletes_nothing_not_even_with_a_wider_role(release: Release) -> None:
    """The Role grants neither; the policy refuses them too."""
    videojob, pod = _assigned(release)
    chunk = _chunk(videojob, pod)
    _store(release, pod, chunk).raise_for_status()
    arguments = ("configmap", chunk["metadata"]["name"], "-n", release.namespace, *release.as_administrator(pod))
    for verb in (("label", *arguments, "a=b"), ("delete", *arguments)):
        output = release.plane.kubectl(*verb, check=False)
        assert "a pipeline pod may create ConfigMaps and not change them" in output


@pytest.mark.timeout(120)
def test_a_chunk_goes_with_its_videojob(release: Release) -> None:
    videojob, pod = _assigned(release)
    _store(release, pod, _chunk(videojob, pod)).raise_for_status()
    release.videojobs.delete(videojob["metadata"]["name"])
    path = f"/api/v1/namespaces/{release.namespace}/configmaps/{pod.name}-result-0"
    wait_until(
        lambda: release.admin.get(path).status_code == 404, 90
    )  # the garbage collector discovers new kinds every 30 s
