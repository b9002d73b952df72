"""The chart's admission policies on a real API server: who may write what.

Tokens are bound to real pod objects, as a pod's own is. Every write here is one that the pods' Role allows.
"""

import base64
import json
import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ecg_contract.videojob.refusals import FENCED, FINISHED, UNASSIGNED, UNBOUND
from ecg_dev.waiting import wait_until
from support.observations import RESULT
from support.played_kubelet import Manifest, PlayedPod, client, now
from support.release import Release

_MERGE = {"content-type": "application/merge-patch+json"}
_APPLY = {"content-type": "application/apply-patch+yaml"}


_RESULT = RESULT.model_dump(mode="json", by_alias=True)


def _body(**fields: Any) -> Manifest:
    return {"attempt": 1, "stage": "vad", "progress": 25, **fields}


def _report(pod: PlayedPod, videojob: Manifest, token: str | None = None, **fields: Any) -> httpx.Response:
    return pod.report(videojob["metadata"]["name"], _body(**fields), token)


def _merge(release: Release, pod: PlayedPod, videojob: Manifest, status: Any) -> httpx.Response:
    with client(release.plane, pod.token()) as own:
        return own.patch(f"{release.path(videojob)}/status", json={"status": status}, headers=_MERGE)


def _refused(answer: httpx.Response, message: str) -> None:
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["message"]


def test_the_assigned_pod_reports(release: Release) -> None:
    videojob, pod = release.assigned()
    assert _report(pod, videojob).json()["status"]["pipeline"]["progress"] == 25


def test_the_assigned_pod_may_use_a_merge_patch_and_apply_too(release: Release) -> None:
    videojob, pod = release.assigned()
    own = {"pipeline": {**_body(progress=30), "podUID": pod.uid}}
    assert _merge(release, pod, videojob, own).status_code == 200
    own["pipeline"]["progress"] = 35
    kind = {key: videojob[key] for key in ("apiVersion", "kind")}
    applied = {**kind, "metadata": {"name": videojob["metadata"]["name"]}, "status": own}
    with client(release.plane, pod.token()) as pod_client:
        query = {"fieldManager": "pod", "force": "true"}
        path = f"{release.path(videojob)}/status"
        answer = pod_client.patch(path, content=json.dumps(applied), headers=_APPLY, params=query)
    assert answer.status_code == 200, answer.text


def test_before_it_is_assigned_a_pod_is_told_to_wait(release: Release) -> None:
    videojob = release.videojob()
    pod = release.pod(videojob)
    own = {"pipeline": {**_body(), "podUID": pod.uid}}
    _refused(_merge(release, pod, videojob, own), UNASSIGNED)  # no status at all
    release.assign(videojob, None)
    _refused(_report(pod, videojob), UNASSIGNED)


def test_another_videojob_is_out_of_reach(release: Release) -> None:
    _, pod = release.assigned()
    other, _ = release.assigned()
    _refused(_report(pod, other), FENCED)


def test_an_old_attempts_pod_is_fenced(release: Release) -> None:
    videojob, old = release.assigned()
    release.assign(videojob, release.pod(videojob, 2), 2)
    _refused(_report(old, videojob), FENCED)
    _refused(_report(old, videojob, attempt=2), FENCED)


def test_a_second_pod_of_the_same_job_is_fenced(release: Release) -> None:
    videojob, _ = release.assigned()
    _refused(_report(release.pod(videojob), videojob), FENCED)


def test_a_pod_of_a_videojob_that_was_made_anew_is_fenced(release: Release) -> None:
    videojob, old = release.assigned()
    name = videojob["metadata"]["name"]
    release.videojobs.delete(name)
    again = release.videojob(name)
    release.assign(again, release.pod(again))
    _refused(_report(old, again), FENCED)


@pytest.mark.parametrize("forged", [{"podUID": "another"}, {"attempt": 2}, {"attempt": 0}])
def test_a_report_with_a_forged_uid_or_attempt_is_refused(release: Release, forged: Manifest) -> None:
    videojob, pod = release.assigned()
    _refused(_report(pod, videojob, **forged), "a report names the reporting pod's uid")


def test_after_the_finish_nothing_is_taken(release: Release) -> None:
    videojob, pod = release.assigned()
    release.assign(videojob, pod, completionTime=now())
    _refused(_report(pod, videojob, progress=100), FINISHED)


def test_after_a_cancellation_nothing_is_taken(release: Release) -> None:
    """Else a job that was cancelled could be completed by its pod before the operator has stopped that."""
    videojob, pod = release.assigned()
    release.videojobs.patch(videojob["metadata"]["name"], cancelledRun=1)
    _refused(_report(pod, videojob, result=_RESULT), FINISHED)
    release.videojobs.patch(videojob["metadata"]["name"], run=2)
    _refused(_report(pod, videojob, result=_RESULT), FINISHED)  # the operator has not begun the second run


def test_a_reported_result_stays_as_it_is(release: Release) -> None:
    videojob, pod = release.assigned()
    assert _report(pod, videojob, result=_RESULT).status_code == 200
    assert _report(pod, videojob, result=_RESULT).status_code == 200, "the answer to the first may have been lost"
    _refused(_report(pod, videojob, result=_RESULT | {"sha256": "11"}), FINISHED)
    _refused(_report(pod, videojob), FINISHED)
    again = release.pod(videojob, 2)
    release.assign(videojob, again, 2)
    answer = _report(again, videojob, attempt=2)
    assert answer.status_code == 200, f"another attempt has a result of its own: {answer.text}"


def test_finished_goes_before_not_assigned(release: Release) -> None:
    videojob, pod = release.assigned()
    release.assign(videojob, None, completionTime=now())
    _refused(_report(pod, videojob), FINISHED)


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Succeeded"},
        {"phase": None},
        {"message": "forged"},
        {"attempt": {"number": 2}},
        {"attempt": None},
        {"completionTime": "2026-01-01T00:00:00Z"},
        {"conditions": [{"type": "Succeeded", "status": "True", "reason": "X", "lastTransitionTime": now()}]},
        {"callbacks": {}},
        {"error": {"code": "PROCESSING_ERROR", "message": "forged"}},
    ],
    ids=lambda status: "-".join(f"{k}" for k in status) + ("-nulled" if None in status.values() else ""),
)
def test_the_operators_keys_are_out_of_reach(release: Release, status: Manifest) -> None:
    videojob, pod = release.assigned()
    own = {"pipeline": {**_body(), "podUID": pod.uid}}
    answer = _merge(release, pod, videojob, own | status)
    _refused(answer, "")
    assert "a pipeline pod may change status.pipeline alone" in answer.text or "report names" in answer.text


def test_the_whole_status_cannot_be_nulled(release: Release) -> None:
    videojob, pod = release.assigned()
    assert _merge(release, pod, videojob, None).status_code == 422


def test_a_token_that_is_bound_to_no_pod_is_refused(release: Release) -> None:
    videojob, pod = release.assigned()
    _refused(_report(pod, videojob, release.token("pipeline")), UNBOUND)


def test_a_deleted_pods_token_is_no_longer_known(release: Release) -> None:
    videojob, pod = release.assigned()
    token = pod.token()
    release.admin.request("DELETE", pod.path, json={"gracePeriodSeconds": 0})
    wait_until(lambda: _report(pod, videojob, token).status_code == 401, 30)


def test_a_pod_leaves_specifications_alone_even_with_a_wider_role(release: Release) -> None:
    """The Role does not grant this; the policy refuses it too."""
    videojob, pod = release.assigned()
    own = ("videojob", videojob["metadata"]["name"], "-n", release.namespace, *_as(release, pod))
    patched = ("patch", *own, "--type=merge", "-p", '{"spec": {"suspend": true}}')
    for verb in (patched, ("delete", *own)):
        output = release.plane.kubectl(*verb, check=False)
        assert "a pipeline pod may change the status of VideoJobs and nothing else" in output


def _as(release: Release, pod: PlayedPod) -> tuple[str, ...]:
    """With an administrator's groups, so that only a policy can refuse it."""
    account = f"--as=system:serviceaccount:{release.namespace}:{release.name}-pipeline"
    claims = {"pod-name": pod.name, "pod-uid": pod.uid}
    extra = (f"--as-user-extra=authentication.kubernetes.io/{name}={value}" for name, value in claims.items())
    return account, *extra, "--as-group=system:masters"


def test_the_operator_is_not_held_up(release: Release) -> None:
    videojob, _ = release.assigned()
    with client(release.plane, release.token("operator")) as operator:
        body = {"status": {"phase": "Succeeded", "completionTime": now()}}
        assert operator.patch(f"{release.path(videojob)}/status", json=body, headers=_MERGE).status_code == 200


# ConfigMaps, which hold the chunks of an attempt's result.


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
    _refused(_store(release, old, _chunk(videojob, old)), FENCED)
    release.assign(videojob, new, 2, completionTime=now())
    wait_until(lambda: FINISHED in _store(release, new, _chunk(videojob, new), dryRun="All").text, 30)


def test_a_later_attempts_pod_waits_for_its_turn(release: Release) -> None:
    """The policies may see the attempt before for a moment: no reason to give up."""
    videojob, _ = _assigned(release)
    later = release.pod(videojob, 2)
    _refused(_store(release, later, _chunk(videojob, later)), UNASSIGNED)


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
    _refused(_store(release, pod, chunk), message)


def test_a_pod_writes_nothing_in_anothers_name(release: Release) -> None:
    videojob, pod = _assigned(release)
    other = release.pod(videojob)
    _refused(_store(release, pod, _chunk(videojob, other)), "named <pod>-result-")


def test_a_pod_changes_and_deletes_nothing_not_even_with_a_wider_role(release: Release) -> None:
    """The Role grants neither; the policy refuses them too."""
    videojob, pod = _assigned(release)
    chunk = _chunk(videojob, pod)
    _store(release, pod, chunk).raise_for_status()
    arguments = ("configmap", chunk["metadata"]["name"], "-n", release.namespace, *_as(release, pod))
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


def test_the_server_finds_nothing_wrong_with_the_policies(release: Release) -> None:
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    query = {"labelSelector": f"app.kubernetes.io/instance={release.name}"}

    def checked() -> list[Manifest]:
        found = release.admin.get(path, params=query).json()["items"]
        return [p["status"]["typeChecking"] for p in found if "typeChecking" in p.get("status", {})]

    wait_until(lambda: len(checked()) == 5, 30)
    assert [c for c in checked() if c.get("expressionWarnings")] == []
