"""What the operator does about objects whose events it missed, on a real control plane."""

import time
from pathlib import Path

from ecg_cluster.client import Cluster
from ecg_common.clock import utc_now
from ecg_dev.control_plane.server import ControlPlane
from ecg_operator.act.status_writer import StatusWriter
from ecg_operator.decide.reconcile import reconcile
from ecg_operator.observe.cache import Cache
from ecg_operator.observe.job_queue import JobQueue
from ecg_operator.observe.observer import Observer
from support.cluster_jobs import VideoJobs
from support.observations import settings
from support.operator_process import OperatorProcess
from support.played_kubelet import PlayedPod, client, played_kubelet
from support.played_pipeline import PlayedPipeline


def test_a_job_of_that_name_that_belongs_to_another_object_fails_the_job_and_costs_little(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, tmp_path: Path
) -> None:
    videojob = videojobs.create("j", suspend=True)
    name = f"j-{videojob['metadata']['uid'][:6]}-a1"
    container = {"name": "c", "image": "i"}
    job = {"metadata": {"name": name}, "spec": {"suspend": True, "template": {"spec": {"restartPolicy": "Never"}}}}
    job["spec"]["template"]["spec"]["containers"] = [container]  # type: ignore[index]
    with client(cluster) as admin:
        admin.post(f"/apis/batch/v1/namespaces/{namespace}/jobs", json=job).raise_for_status()
    with OperatorProcess(cluster, namespace, tmp_path, STUCK_LIMIT_S="3") as operator:
        operator.wait_for_log("in_sync")
        videojobs.patch("j", suspend=False)
        status = videojobs.wait_for_phase("j", "Failed")
        tries = [line for line in operator.log_lines() if line["event"] == "reconcile_failed"]
    assert f"the Job {name} belongs to another object" in status["error"]["message"]
    assert len(tries) < 10
    assert [job["metadata"]["name"] for job in videojobs.jobs()] == [name], "it is left alone"


async def test_a_pod_that_left_the_cache_is_looked_for_before_its_attempt_counts_as_interrupted(
    connection: Cluster, cluster: ControlPlane, namespace: str, videojobs: VideoJobs, tmp_path: Path
) -> None:
    def runs(pod: PlayedPod) -> None:
        pod.run()
        PlayedPipeline(pod).wait_until_assigned()
        pod.deleted.wait(30)

    cache = Cache(time.monotonic, JobQueue(0, lambda _: None))
    observer = Observer(cache, connection, namespace)
    with OperatorProcess(cluster, namespace, tmp_path) as operator, played_kubelet(cluster, namespace, runs):
        operator.wait_for_log("in_sync")
        videojobs.create("j")
        videojobs.wait_for_phase("j", "Running")
        operator.kill()
        cache.videojobs.put(videojobs.get("j"))
        cache.jobs.put(videojobs.jobs()[0])
        seen = await observer.observe("j")
        assert seen is not None
        pod = seen.pod()
        assert pod is not None, "it was asked for"
        assert pod.is_live
        videojobs.delete_object("pods", pod.name)
        cache.pods.drop(pod.uid)
        seen = await observer.observe("j")
        assert seen is not None
        left = seen.pod()
        assert left is None or left.deleted
        plan = reconcile(seen, settings(), utc_now())
        assert plan.status.attempt is not None
        assert (plan.status.attempt.number, plan.create_job) == (2, True)


async def test_a_videojob_whose_deletion_was_missed_is_forgotten_when_it_is_asked_for(
    connection: Cluster, namespace: str, videojobs: VideoJobs
) -> None:
    cache = Cache(time.monotonic, JobQueue(0, lambda _: None))
    cache.videojobs.put(videojobs.create("gone"))
    videojobs.delete("gone")
    assert await StatusWriter(connection, namespace, cache).read("gone") is None
    assert cache.observe("gone") is None, "so that it is not asked for again and again"
