"""Standby pods on a real control plane, with the rights and under the policies of the chart."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.conditions import holds
from support.operator_process import OperatorProcess
from support.played_kubelet import Manifest, PlayedKubelet, PlayedPod, now, played_kubelet
from support.played_pipeline import PlayedPipeline, work
from support.played_standby import is_standby, ready_standby, standing_by
from support.receiver import ALL_SEVEN, Receiver
from support.release import Release, secured


@pytest.fixture(scope="module")
def release(cluster: ControlPlane) -> Iterator[Release]:
    """Of its own: its pods are played, those of other tests are not."""
    with secured(cluster, "standing-by") as release:
        yield release


@contextmanager
def operated(
    release: Release, folder: Path, script: Callable[[PlayedPod], None], **settings: str
) -> Iterator[tuple[PlayedKubelet, OperatorProcess]]:
    with played_kubelet(release.plane, release.namespace, script) as kubelet:
        with release.operator(folder, GPU_ENABLED="false", **{"STANDBY_CPU": "1", **settings}) as operator:
            operator.wait_for_log("in_sync")
            yield kubelet, operator
        for videojob in release.videojobs.all():
            release.videojobs.delete(videojob["metadata"]["name"])
        for job in release.videojobs.jobs():
            release.admin.delete(f"/apis/batch/v1/namespaces/{release.namespace}/jobs/{job['metadata']['name']}")
        release.admin.delete(f"/api/v1/namespaces/{release.namespace}/pods")


def complete(pipeline: PlayedPipeline) -> None:
    pipeline.wait_until_assigned()
    pipeline.complete()


def idle_jobs(release: Release) -> list[Manifest]:
    return [j for j in release.videojobs.jobs() if j["metadata"]["labels"].get("ecg-analyzer.io/videojob") == ""]


def ready_pods(release: Release) -> list[Manifest]:
    found = [
        p for p in release.videojobs.objects("pods") if not p["metadata"]["labels"].get("ecg-analyzer.io/videojob")
    ]
    return [pod for pod in found if holds(pod, "Ready")]


def wait_for_standby(operator: OperatorProcess, count: int = 1) -> None:
    wait_until(lambda: ready_standby(operator.metrics()) == count, 30)


def test_a_job_takes_the_pod_that_stands_by_and_another_takes_its_place(release: Release, tmp_path: Path) -> None:
    jobs = release.videojobs
    with Receiver() as backend, operated(release, tmp_path, standing_by(complete, work)) as (_, operator):
        wait_for_standby(operator)
        (standby,) = ready_pods(release)
        created = jobs.create("warm", backend.url)
        jobs.wait_for_condition("warm", "CallbackDelivered", "True", "Delivered")
        status = jobs.status("warm")
        wait_for_standby(operator)
        metrics = operator.metrics()
        (other,) = ready_pods(release)
        (job,) = [j for j in jobs.jobs() if j["metadata"]["labels"]["ecg-analyzer.io/videojob"] == "warm"]
    assert [request.mark for request in backend.requests][-1] == ALL_SEVEN[-1]
    assert status["attempt"]["podUID"] == standby["metadata"]["uid"]
    assert other["metadata"]["uid"] != standby["metadata"]["uid"]
    assert job["metadata"]["name"] == status["attempt"]["jobName"]
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("VideoJob", created["metadata"]["uid"], True)
    assert job["spec"]["activeDeadlineSeconds"] > 14_400 + 600
    begun, asked = status["attempt"]["startTime"], created["metadata"]["creationTimestamp"]
    assert datetime.fromisoformat(begun) >= datetime.fromisoformat(asked), "the time of standing by does not count"
    assert 'ecg_attempts_total{profile="cpu",start="standby"} 1.0' in metrics


def test_ten_jobs_share_no_pod(release: Release, tmp_path: Path) -> None:
    """Three stand by; whoever finds none gets a pod of its own."""
    jobs, names = release.videojobs, [f"of-ten-{number}" for number in range(10)]
    with (
        Receiver() as backend,
        operated(release, tmp_path, standing_by(complete, work), STANDBY_CPU="3") as (kubelet, operator),
    ):
        wait_for_standby(operator, 3)
        for name in names:
            jobs.create(name, backend.url)
        for name in names:
            jobs.wait_for_condition(name, "CallbackDelivered", "True", "Delivered")
        pods = [jobs.status(name)["attempt"]["podUID"] for name in names]
        used = [pod for pod in kubelet.pods.values() if pod.uid in pods]
        attempts = {jobs.status(name)["attempt"]["number"] for name in names}
    assert len(set(pods)) == len(names)
    assert sum(is_standby(pod) for pod in used) >= 3
    assert attempts == {1}
    assert operator.log.read_text().count("standby_taken") == sum(is_standby(pod) for pod in used)


def test_a_pod_that_dies_between_claim_and_start_costs_an_attempt_and_no_job(release: Release, tmp_path: Path) -> None:
    jobs = release.videojobs

    def die_once(pipeline: PlayedPipeline) -> None:
        if pipeline.job["attempt"] == 1:
            return pipeline.pod.finish(137)
        return complete(pipeline)

    with Receiver() as backend, operated(release, tmp_path, standing_by(die_once, work)) as (_, operator):
        wait_for_standby(operator)
        jobs.create("unlucky", backend.url)
        jobs.wait_for_condition("unlucky", "Succeeded", "True", "Succeeded", 90)
        assert jobs.status("unlucky")["attempt"]["number"] == 2


def test_a_pod_that_vanished_with_its_job_costs_an_attempt_and_no_job(release: Release, tmp_path: Path) -> None:
    """The status names it, and a person has deleted it: as after a crash between the two writes."""
    jobs = release.videojobs
    jobs.create("late")
    attempt = {"number": 1, "run": 1, "profile": "cpu", "pendingSince": now()}
    gone = {"jobName": "standby-cpu-abcdefgh", "podUID": "gone", "podName": "standby-cpu-abcdefgh-xyzab"}
    condition = {"type": "Succeeded", "status": "Unknown", "reason": "InProgress", "message": ""}
    status = {"run": 1, "attempt": attempt | gone, "conditions": [condition | {"lastTransitionTime": now()}]}
    path = f"/apis/ecg-analyzer.io/v1alpha1/namespaces/{release.namespace}/videojobs/late/status"
    merge = {"content-type": "application/merge-patch+json"}
    release.admin.patch(path, json={"status": status}, headers=merge).raise_for_status()
    with operated(release, tmp_path, work, STANDBY_CPU="0"):
        jobs.wait_for_condition("late", "Succeeded", "True", "Succeeded", 60)
        assert jobs.status("late")["attempt"]["number"] == 2


SIGNED = "https://media.example/v.mp4?X-Amz-Signature=canary"


def test_a_url_with_a_credential_reaches_the_pod_that_stands_by_and_no_other_place(
    release: Release, tmp_path: Path
) -> None:
    jobs, seen = release.videojobs, []

    def reading(pipeline: PlayedPipeline) -> None:
        seen.append((pipeline.job["source"], _mounted(pipeline.pod, "/etc/ecg/source"), jobs.secret_urls()))
        complete(pipeline)

    with Receiver() as backend, operated(release, tmp_path, standing_by(reading, work)) as (_, operator):
        wait_for_standby(operator)
        source = jobs.create_signed("signed", SIGNED, backend.url)
        jobs.wait_for_condition("signed", "CallbackDelivered", "True", "Delivered")
        attempt = jobs.status("signed")["attempt"]
        [(task, mounted, secrets)] = seen
        assert attempt["jobName"].startswith("standby-cpu-")
        assert task == {"urlFile": "/etc/ecg/source/url"}
        assert mounted == f"{attempt['jobName']}-source"
        assert secrets == {source: SIGNED, mounted: SIGNED}
        wait_until(lambda: not jobs.secret_urls())
        [pod] = [p for p in jobs.objects("pods") if p["metadata"]["uid"] == attempt["podUID"]]
        assert "canary" not in json.dumps([pod, jobs.get("signed"), jobs.jobs()])


def test_the_url_of_an_attempt_that_ended_is_removed_from_its_pods_secret(release: Release, tmp_path: Path) -> None:
    jobs = release.videojobs

    def die_first(pipeline: PlayedPipeline) -> None:
        """Once another stands by, which takes the second attempt and keeps it."""
        if pipeline.job["attempt"] == 1:
            pipeline.wait_until_assigned()
            wait_for_standby(operator)
            pipeline.pod.finish(137)

    with operated(release, tmp_path, standing_by(die_first, work)) as (_, operator):
        wait_for_standby(operator)
        source = jobs.create_signed("signed", SIGNED)
        first = operator.wait_for_log("standby_taken")["job"]
        wait_until(lambda: jobs.status("signed")["attempt"]["number"] == 2, 60)
        second = jobs.status("signed")["attempt"]["jobName"]
        wait_until(lambda: set(jobs.secret_urls()) == {source, f"{second}-source"}, 30, jobs.secret_urls)
        assert first != second


def test_a_url_whose_secret_is_not_there_begins_cold(release: Release, tmp_path: Path) -> None:
    """Its pod waits for the Secret, which a pod that stands by would not."""
    jobs = release.videojobs
    with operated(release, tmp_path, standing_by(complete, work)) as (_, operator):
        wait_for_standby(operator)
        (standby,) = ready_pods(release)
        created = jobs.create("unsigned", source={"fromSecret": True})
        jobs.wait_for_condition("unsigned", "Succeeded", "True", "Succeeded")
        attempt = jobs.status("unsigned")["attempt"]
        assert [p["metadata"]["uid"] for p in ready_pods(release)] == [standby["metadata"]["uid"]]
    assert attempt["jobName"] == f"unsigned-{created['metadata']['uid'][:6]}-a1"


def _mounted(pod: PlayedPod, folder: str) -> str:
    """Name of the Secret that the pod's container finds in the folder."""
    spec = pod.manifest["spec"]
    (volume,) = [m["name"] for m in spec["containers"][0]["volumeMounts"] if m["mountPath"] == folder]
    (secret,) = [v["secret"]["secretName"] for v in spec["volumes"] if v["name"] == volume]
    return str(secret)


def test_pods_of_another_configuration_are_replaced_and_surplus_ones_are_removed(
    release: Release, tmp_path: Path
) -> None:
    def idle_images() -> list[str]:
        return [job["spec"]["template"]["spec"]["containers"][0]["image"] for job in idle_jobs(release)]

    def operated_until(images: list[str], **settings: str) -> None:
        with release.operator(tmp_path, GPU_ENABLED="false", **settings):
            wait_until(lambda: idle_images() == images, 30, idle_images)

    with played_kubelet(release.plane, release.namespace, standing_by(complete, work)):
        operated_until(["played:1"] * 2, STANDBY_CPU="2")
        operated_until(["played:2"], STANDBY_CPU="1", PIPELINE_IMAGE="played:2")
        operated_until([], STANDBY_CPU="1", STANDBY_IDLE_S="0.1", PIPELINE_IMAGE="played:2")


def test_without_the_right_to_give_pods_away_every_job_begins_cold(cluster: ControlPlane, tmp_path: Path) -> None:
    """A role of a release without standby pods, and an operator whose environment asks for them."""
    with secured(cluster, "without-right") as release:
        role = cluster.kubectl("get", "role", f"{release.name}-operator", "-n", release.namespace, "-o", "json")
        rules = [rule for rule in json.loads(role)["rules"] if rule["verbs"] != ["patch"]]
        patch = json.dumps({"rules": rules})
        cluster.kubectl(
            "patch", "role", f"{release.name}-operator", "-n", release.namespace, "--type=merge", "-p", patch
        )
        jobs = release.videojobs
        with operated(release, tmp_path, standing_by(complete, work)) as (_, operator):
            wait_for_standby(operator)
            jobs.create("first")
            jobs.wait_for_condition("first", "Succeeded", "True", "Succeeded", 60)
            assert jobs.status("first")["attempt"]["number"] == 2
            operator.wait_for_log("standby_refused")
            wait_until(lambda: idle_jobs(release) == [], 30)
            jobs.create("second")
            jobs.wait_for_condition("second", "Succeeded", "True", "Succeeded", 60)
            assert jobs.status("second")["attempt"]["number"] == 1
