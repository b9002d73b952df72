"""The chart's admission policies on a real API server: who may write what of a VideoJob.

Tokens are bound to real pod objects, as a pod's own is. Every write here is one that the pods' Role allows.
"""

import json
from typing import Any

import httpx
import pytest

from ecg_contract.videojob.refusals import FENCED, FINISHED, UNASSIGNED, UNBOUND
from ecg_dev.waiting import wait_until
from support.observations import RESULT
from support.played_kubelet import Manifest, PlayedPod, client, now
from support.release import Release, refused

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
    refused(_merge(release, pod, videojob, own), UNASSIGNED)  # no status at all
    release.assign(videojob, None)
    refused(_report(pod, videojob), UNASSIGNED)


def test_another_videojob_is_out_of_reach(release: Release) -> None:
    _, pod = release.assigned()
    other, _ = release.assigned()
    refused(_report(pod, other), FENCED)


def test_an_old_attempts_pod_is_fenced(release: Release) -> None:
    videojob, old = release.assigned()
    release.assign(videojob, release.pod(videojob, 2), 2)
    refused(_report(old, videojob), FENCED)
    refused(_report(old, videojob, attempt=2), FENCED)


def test_a_second_pod_of_the_same_job_is_fenced(release: Release) -> None:
    videojob, _ = release.assigned()
    refused(_report(release.pod(videojob), videojob), FENCED)


def test_a_pod_of_a_videojob_that_was_made_anew_is_fenced(release: Release) -> None:
    videojob, old = release.assigned()
    name = videojob["metadata"]["name"]
    release.videojobs.delete(name)
    again = release.videojob(name)
    release.assign(again, release.pod(again))
    refused(_report(old, again), FENCED)


@pytest.mark.parametrize("forged", [{"podUID": "another"}, {"attempt": 2}, {"attempt": 0}])
def test_a_report_with_a_forged_uid_or_attempt_isrefused(release: Release, forged: Manifest) -> None:
    videojob, pod = release.assigned()
    refused(_report(pod, videojob, **forged), "a report names the reporting pod's uid")


def test_after_the_finish_nothing_is_taken(release: Release) -> None:
    videojob, pod = release.assigned()
    release.assign(videojob, pod, completionTime=now())
    refused(_report(pod, videojob, progress=100), FINISHED)


def test_after_a_cancellation_nothing_is_taken(release: Release) -> None:
    """Else a job that was cancelled could be completed by its pod before the operator has stopped that."""
    videojob, pod = release.assigned()
    release.videojobs.patch(videojob["metadata"]["name"], cancelledRun=1)
    refused(_report(pod, videojob, result=_RESULT), FINISHED)
    release.videojobs.patch(videojob["metadata"]["name"], run=2)
    refused(_report(pod, videojob, result=_RESULT), FINISHED)  # the operator has not begun the second run


def test_a_reported_result_stays_as_it_is(release: Release) -> None:
    videojob, pod = release.assigned()
    assert _report(pod, videojob, result=_RESULT).status_code == 200
    assert _report(pod, videojob, result=_RESULT).status_code == 200, "the answer to the first may have been lost"
    refused(_report(pod, videojob, result=_RESULT | {"sha256": "11"}), FINISHED)
    refused(_report(pod, videojob), FINISHED)
    again = release.pod(videojob, 2)
    release.assign(videojob, again, 2)
    answer = _report(again, videojob, attempt=2)
    assert answer.status_code == 200, f"another attempt has a result of its own: {answer.text}"


def test_finished_goes_before_not_assigned(release: Release) -> None:
    videojob, pod = release.assigned()
    release.assign(videojob, None, completionTime=now())
    refused(_report(pod, videojob), FINISHED)


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
    refused(answer, "")
    assert "a pipeline pod may change status.pipeline alone" in answer.text or "report names" in answer.text


def test_the_whole_status_cannot_be_nulled(release: Release) -> None:
    videojob, pod = release.assigned()
    assert _merge(release, pod, videojob, None).status_code == 422


def test_a_token_that_is_bound_to_no_pod_isrefused(release: Release) -> None:
    videojob, pod = release.assigned()
    refused(_report(pod, videojob, release.token("pipeline")), UNBOUND)


def test_a_deleted_pods_token_is_no_longer_known(release: Release) -> None:
    videojob, pod = release.assigned()
    token = pod.token()
    release.admin.request("DELETE", pod.path, json={"gracePeriodSeconds": 0})
    wait_until(lambda: _report(pod, videojob, token).status_code == 401, 30)


def test_a_pod_leaves_specifications_alone_even_with_a_wider_role(release: Release) -> None:
    """The Role does not grant this; the policy refuses it too."""
    videojob, pod = release.assigned()
    own = ("videojob", videojob["metadata"]["name"], "-n", release.namespace, *release.as_administrator(pod))
    patched = ("patch", *own, "--type=merge", "-p", '{"spec": {"suspend": true}}')
    for verb in (patched, ("delete", *own)):
        output = release.plane.kubectl(*verb, check=False)
        assert "a pipeline pod may change the status of VideoJobs and nothing else" in output


def test_the_operator_is_not_held_up(release: Release) -> None:
    videojob, _ = release.assigned()
    with client(release.plane, release.token("operator")) as operator:
        body = {"status": {"phase": "Succeeded", "completionTime": now()}}
        assert operator.patch(f"{release.path(videojob)}/status", json=body, headers=_MERGE).status_code == 200


def test_the_server_finds_nothing_wrong_with_the_policies(release: Release) -> None:
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    query = {"labelSelector": f"app.kubernetes.io/instance={release.name}"}

    def checked() -> list[Manifest]:
        found = release.admin.get(path, params=query).json()["items"]
        return [p["status"]["typeChecking"] for p in found if "typeChecking" in p.get("status", {})]

    wait_until(lambda: len(checked()) == 5, 30)
    assert [c for c in checked() if c.get("expressionWarnings")] == []
