"""What the operator's right to change pods and Jobs is good for: a standby pod goes to one VideoJob, once."""

import json
import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ecg_contract.videojob.refusals import FENCED
from support.played_kubelet import Manifest, PlayedPod, client
from support.release import Release

_MERGE = {"content-type": "application/merge-patch+json"}
Change = Callable[[Manifest], object]


@pytest.fixture
def videojob(release: Release) -> Manifest:
    return release.videojob()


def standby_pod(release: Release, **labels: str) -> PlayedPod:
    """An unscheduled pod as a standby Job has it."""
    name = f"standby-cpu-{secrets.token_hex(4)}-{secrets.token_hex(3)[:5]}"
    idle = {"ecg-analyzer.io/videojob": "", "ecg-analyzer.io/standby": "cpu", **labels}
    metadata = {"name": name, "labels": idle, "annotations": {"ecg-analyzer.io/task": "", "team": "speech"}}
    return release.unscheduled_pod(metadata)


def claim(videojob: Manifest) -> Manifest:
    """The patch with which a pod becomes a VideoJob's."""
    own = {"ecg-analyzer.io/videojob": videojob["metadata"]["name"]}
    own |= {"ecg-analyzer.io/videojob-uid": videojob["metadata"]["uid"], "ecg-analyzer.io/attempt": "1"}
    return {"metadata": {"labels": own, "annotations": {"ecg-analyzer.io/task": "{}"}}}


def change(release: Release, path: str, patch: Manifest) -> httpx.Response:
    with client(release.plane, release.token("operator")) as operator:
        return operator.patch(path, content=json.dumps(patch), headers=_MERGE)


def refused(answer: httpx.Response, message: str) -> None:
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["message"]


def test_a_standby_pod_is_given_once(release: Release, videojob: Manifest) -> None:
    pod = standby_pod(release)
    assert change(release, pod.path, claim(videojob)).status_code == 200
    refused(change(release, pod.path, claim(release.videojob())), "given to one VideoJob, once")


def test_another_pod_is_out_of_reach(release: Release, videojob: Manifest) -> None:
    pod = release.pod(videojob)
    refused(change(release, pod.path, claim(videojob)), "standby pods and their Jobs, and no others")


_FORGED: dict[str, tuple[Change, str]] = {
    "the image": (lambda p: p.update(spec={"containers": [{"name": "pipeline", "image": "own"}]}), "nothing of what"),
    "a deadline": (lambda p: p.update(spec={"activeDeadlineSeconds": 5}), "nothing of what it runs"),
    "an owner": (lambda p: p["metadata"].update(ownerReferences=[_stranger()]), "nothing of what it runs"),
    "another label": (lambda p: p["metadata"]["labels"].update(app="own"), "no other label"),
    "another annotation": (lambda p: p["metadata"]["annotations"].update(team="own"), "no other annotation"),
    "no VideoJob": (lambda p: p["metadata"].update(labels={}), "with its VideoJob"),
}


def _stranger() -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": "own", "uid": "own"}


@pytest.mark.parametrize(("forge", "message"), _FORGED.values(), ids=_FORGED)
def test_nothing_else_of_a_standby_pod_changes(
    release: Release, videojob: Manifest, forge: Change, message: str
) -> None:
    patch = claim(videojob)
    forge(patch)
    refused(change(release, standby_pod(release).path, patch), message)


def _job(release: Release) -> str:
    """The path of a standby Job."""
    name = f"standby-cpu-{secrets.token_hex(4)}"
    metadata = {"name": name, "labels": {"ecg-analyzer.io/videojob": "", "ecg-analyzer.io/standby": "cpu"}}
    pod = {"restartPolicy": "Never", "schedulerName": "nobody", "containers": [{"name": "pipeline", "image": "none"}]}
    manifest = {"metadata": metadata, "spec": {"template": {"spec": pod}}}
    path = f"/apis/batch/v1/namespaces/{release.namespace}/jobs"
    release.admin.post(path, json=manifest).raise_for_status()
    return f"{path}/{name}"


def _owned(videojob: Manifest, **owner: Any) -> Manifest:
    reference = {key: videojob[key] for key in ("apiVersion", "kind")}
    reference |= {key: videojob["metadata"][key] for key in ("name", "uid")}
    labels = claim(videojob)["metadata"]["labels"]
    return {
        "metadata": {"labels": labels, "ownerReferences": [reference | owner]},
        "spec": {"activeDeadlineSeconds": 9},
    }


def test_a_standby_job_becomes_that_of_the_videojob_in_its_labels(release: Release, videojob: Manifest) -> None:
    path = _job(release)
    other = release.videojob()["metadata"]["uid"]
    refused(change(release, path, _owned(videojob, uid=other)), "becomes that of the VideoJob in its labels")
    refused(change(release, path, _owned(videojob, kind="Pod", apiVersion="v1")), "becomes that of the VideoJob")
    assert change(release, path, _owned(videojob)).status_code == 200
    refused(change(release, path, _owned(release.videojob())), "given to one VideoJob, once")


def test_before_it_is_given_a_standby_pod_may_report_to_nobody(release: Release) -> None:
    """And after that to its own VideoJob alone."""
    pod, (other, _), own = standby_pod(release), release.assigned(), release.videojob()
    body = {"attempt": 1, "stage": "vad", "progress": 25}
    refused(pod.report(other["metadata"]["name"], body), FENCED)
    refused(pod.report(own["metadata"]["name"], body), "no pod is assigned")
    release.assign(own, pod)
    assert pod.report(own["metadata"]["name"], body).status_code == 200
    refused(pod.report(other["metadata"]["name"], body), FENCED)


def test_a_standby_pod_stores_results_for_its_own_videojob_alone(release: Release, videojob: Manifest) -> None:
    pod = standby_pod(release)
    release.assign(videojob, pod)

    def store(owner: Manifest, number: int) -> httpx.Response:
        reference = {key: owner[key] for key in ("apiVersion", "kind")}
        reference |= {key: owner["metadata"][key] for key in ("name", "uid")}
        metadata = {"name": f"{pod.name}-result-{number}", "ownerReferences": [reference]}
        manifest = {"metadata": metadata, "immutable": True, "binaryData": {"chunk": "AAAA"}}
        with client(release.plane, pod.token()) as own:
            return own.post(f"/api/v1/namespaces/{release.namespace}/configmaps", json=manifest)

    assert store(videojob, 0).status_code == 201
    other, _ = release.assigned()
    refused(store(other, 1), FENCED)
    refused(store(release.videojob(), 1), "no pod is assigned")
