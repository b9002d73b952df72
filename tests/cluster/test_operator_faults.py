"""Faults of the operator itself: a second one, a kill, an unavailable API server, watches that stall."""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ecg_cluster.client import Cluster
from ecg_contract.stages import Stage
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until, wait_until_async
from ecg_operator.observe.cache import Cache
from ecg_operator.observe.job_queue import JobQueue
from ecg_operator.observe.watch_check import WatchCheck, WatchStalledError
from support.cluster_jobs import VideoJobs
from support.disturbing_proxy import DisturbingProxy
from support.operator_process import OperatorProcess
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import FencedError, PlayedPipeline, work
from support.receiver import ALL_SEVEN, HANG, Receiver, marks
from support.release import Release

SLOW_LEASE = {"LEASE_DURATION_S": "20", "LEASE_RENEW_S": "5"}
LONG_LEASE = {"LEASE_DURATION_S": "120", "LEASE_RENEW_S": "5"}


def test_a_second_operator_waits_for_the_lease_of_a_killed_one(
    cluster: ControlPlane,
    namespace: str,
    videojobs: VideoJobs,
    backend: Receiver,
    tmp_path: Path,
    figure: Callable[[str], None],
) -> None:
    with (
        OperatorProcess(cluster, namespace, tmp_path, **SLOW_LEASE) as first,
        played_kubelet(cluster, namespace, work),
    ):
        first.wait_for_log("in_sync")
        with OperatorProcess(cluster, namespace, tmp_path, **SLOW_LEASE) as second:
            second.wait_for_log("lease_awaited")
            videojobs.create("by-the-first", backend.url)
            videojobs.wait_for_condition("by-the-first", "CallbackDelivered", "True", "Delivered")
            assert not [line for line in second.log_lines() if line["event"] == "job_event"]
            first.kill()
            killed = time.monotonic()
            videojobs.create("by-the-second", backend.url)
            videojobs.wait_for_condition("by-the-second", "CallbackDelivered", "True", "Delivered", 40)
            took = time.monotonic() - killed
    assert [r.mark for r in backend.of("by-the-second")] == ALL_SEVEN
    assert took < 30
    figure(f"operator killed, the second one had done a whole job after {took:.1f} s")


def test_an_operator_killed_and_started_again_in_its_pod_awaits_no_lease(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, backend: Receiver, tmp_path: Path
) -> None:
    pod = {**LONG_LEASE, "POD_UID": "5f0c"}
    with played_kubelet(cluster, namespace, work):
        with OperatorProcess(cluster, namespace, tmp_path, **pod) as first:
            first.wait_for_log("in_sync")
            first.kill()
            videojobs.create("j", backend.url)
        with OperatorProcess(cluster, namespace, tmp_path, **pod) as again:
            again.wait_for_log("in_sync")
            videojobs.wait_for_condition("j", "CallbackDelivered", "True", "Delivered")
    assert [r.mark for r in backend.of("j")] == ALL_SEVEN


def test_an_operator_that_is_told_to_stop_leaves_the_lease_to_the_next(
    cluster: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    with OperatorProcess(cluster, namespace, tmp_path, **LONG_LEASE) as first:
        first.wait_for_log("in_sync")
        assert first.health().status_code == 200
        assert "ecg_lease_held 1.0" in first.metrics()
        assert first.stop() == 0
    with OperatorProcess(cluster, namespace, tmp_path, **LONG_LEASE) as second:
        second.wait_for_log("in_sync", timeout=60)


def test_an_outage_of_the_api_server_replaces_nobody_and_loses_nothing(
    control_plane: ControlPlane,
    cluster: ControlPlane,
    namespace: str,
    videojobs: VideoJobs,
    backend: Receiver,
    tmp_path: Path,
) -> None:
    at_work, go_on = threading.Event(), threading.Event()

    def script(pod: PlayedPod) -> None:
        pipeline = PlayedPipeline(pod)
        pod.run()
        pipeline.reach(Stage.DOWNLOAD)
        at_work.set()
        assert go_on.wait(60)
        pipeline.reach(Stage.VAD)
        pipeline.complete()

    with (
        OperatorProcess(cluster, namespace, tmp_path, HEARTBEAT_LOST_S="4") as operator,
        played_kubelet(cluster, namespace, script),
    ):
        videojobs.create("j", backend.url)
        assert at_work.wait(30)
        wait_until(lambda: videojobs.status("j").get("callbacks", {}).get("acknowledged") == 10)
        control_plane.kill_api_server()
        operator.wait_for_log("lease_not_renewed")
        operator.wait_for_log("run_ended")
        control_plane.start_api_server()
        operator.wait_for_log("in_sync", 2, timeout=60)
        go_on.set()
        videojobs.wait_for_condition("j", "CallbackDelivered", "True", "Delivered", 60)
        assert operator.is_running
    assert videojobs.status("j")["attempt"]["number"] == 1
    assert [r.mark for r in backend.requests] == ALL_SEVEN


def test_the_pod_of_a_videojob_that_was_deleted_and_posted_again_is_refused(
    release: Release, tmp_path: Path, backend: Receiver
) -> None:
    plane, namespace, videojobs = release.plane, release.namespace, release.videojobs
    old, renewed, refused = threading.Event(), threading.Event(), threading.Event()

    def script(pod: PlayedPod) -> None:
        pipeline = PlayedPipeline(pod)
        if pipeline.videojob != "twice":
            return
        if old.is_set():
            pipeline.work()
            return
        pod.run()
        pipeline.reach(Stage.DOWNLOAD)
        old.set()
        assert renewed.wait(30)
        with pytest.raises(FencedError):
            pipeline.reach(Stage.VAD)
        refused.set()

    given = {"PIPELINE_SERVICE_ACCOUNT": f"{release.name}-pipeline", "LEASE_NAME": "another"}
    with (
        OperatorProcess(plane, namespace, tmp_path, **given),
        played_kubelet(plane, namespace, script, only="twice-") as kubelet,
    ):
        kubelet.keeps_deleted_pods = True
        first = videojobs.create("twice", backend.url)["metadata"]["uid"]
        assert old.wait(30)
        videojobs.delete("twice")
        wait_until(lambda: not videojobs.exists("twice"))
        second = videojobs.create("twice", backend.url)["metadata"]["uid"]
        renewed.set()
        assert refused.wait(30)
        videojobs.wait_for_condition("twice", "CallbackDelivered", "True", "Delivered", 60)
    assert first != second
    assert [r.mark for r in backend.requests[-7:]] == ALL_SEVEN


def test_a_suspended_a_cancelled_and_a_redelivered_job(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, backend: Receiver, tmp_path: Path
) -> None:
    let_go = threading.Event()

    def script(pod: PlayedPod) -> None:
        pipeline = PlayedPipeline(pod)
        pod.run()
        pipeline.reach(Stage.DOWNLOAD)
        wait_until(lambda: let_go.is_set() or pod.deleted.is_set(), 120)
        if not pod.deleted.is_set():
            pipeline.complete()

    with OperatorProcess(cluster, namespace, tmp_path), played_kubelet(cluster, namespace, script):
        for name in ("suspended", "cancelled"):
            videojobs.create(name, backend.url)
            videojobs.wait_for_phase(name, "Running")
        videojobs.patch("suspended", suspend=True)
        videojobs.patch("cancelled", cancelledRun=1)
        videojobs.wait_for_phase("suspended", "Suspended")
        videojobs.wait_for_condition("cancelled", "Succeeded", "False", "Cancelled")
        wait_until(lambda: not videojobs.objects("pods"), 30, lambda: videojobs.objects("pods"))
        assert not videojobs.jobs()
        let_go.set()
        videojobs.patch("suspended", suspend=False)
        videojobs.wait_for_condition("suspended", "CallbackDelivered", "True", "Delivered", 60)
        status = videojobs.status("suspended")
        assert status["attempt"]["number"] == 2, status
        assert [r.mark for r in backend.of("suspended")] == ALL_SEVEN
        videojobs.patch("suspended", redelivery=1)
        backend.wait_for(lambda got: [r.mark for r in got].count(ALL_SEVEN[-1]) == 2)
        ids = [r.headers["webhook-id"] for r in backend.of("suspended")]
        assert ids[-1] == ids[-2], "asked for once more, it is the same callback"
        assert len(set(ids)) == 7
    assert [r.mark for r in backend.of("cancelled")] == ALL_SEVEN[:1]


def test_a_finished_job_goes_when_its_time_is_over_with_all_that_was_its(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, backend: Receiver, tmp_path: Path
) -> None:
    with OperatorProcess(cluster, namespace, tmp_path, JOB_TTL_S="1"), played_kubelet(cluster, namespace, work):
        videojobs.create("kept", backend.url, ttlSecondsAfterFinished=3600)
        videojobs.create("short", backend.url)
        wait_until(lambda: not videojobs.exists("short"), 30)
        wait_until(lambda: len(videojobs.jobs()) == 1, 30, videojobs.jobs)
        assert videojobs.exists("kept")
        wait_until(lambda: not [c for c in videojobs.objects("configmaps") if "short" in c["metadata"]["name"]], 30)
    assert [r.mark for r in backend.of("short")] == ALL_SEVEN


async def test_a_listed_change_that_the_watch_did_not_bring_is_a_stall(
    connection: Cluster, namespace: str, videojobs: VideoJobs
) -> None:
    cache = Cache(time.monotonic, JobQueue(0, lambda _: None))
    check = WatchCheck(connection, namespace, cache, lambda _: None)
    await check.once(timedelta(seconds=0.2))
    manifest = videojobs.create("listed")
    with pytest.raises(WatchStalledError, match="videojobs listed"):
        await check.once(timedelta(seconds=0.2))
    cache.videojobs.put(manifest)
    await check.once(timedelta(seconds=0.2))
    videojobs.patch("listed", suspend=True)
    with pytest.raises(WatchStalledError):
        await check.once(timedelta(seconds=0.2))


async def test_between_two_checks_all_that_is_at_work_is_woken_one_after_the_other(
    connection: Cluster, namespace: str, videojobs: VideoJobs
) -> None:
    cache, woken, checks = Cache(time.monotonic, JobQueue(0, lambda _: None)), list[float](), list[float]()
    for name in ("a", "b", "c", "d"):
        cache.videojobs.put(videojobs.create(name))
    check = WatchCheck(connection, namespace, cache, lambda _: woken.append(time.monotonic()))
    every, limit = timedelta(seconds=0.8), timedelta(seconds=5)
    running = asyncio.create_task(check.run(every, limit, lambda: checks.append(time.monotonic())))
    await wait_until_async(lambda: len(checks) == 2)
    running.cancel()
    first, last = woken[0], woken[3]
    assert len(woken) <= 5, "each once, and perhaps the first again"
    assert last - first >= 0.59, "three quarters of the time, but for the loop's own clock"
    assert checks[1] - checks[0] >= 0.79


async def test_what_is_not_listed_any_more_is_dropped(
    connection: Cluster, namespace: str, videojobs: VideoJobs
) -> None:
    cache, woken = Cache(time.monotonic, JobQueue(0, lambda _: None)), set[str | None]()
    cache.videojobs.put(videojobs.create("gone"))
    videojobs.delete("gone")
    await WatchCheck(connection, namespace, cache, woken.add).once(timedelta(seconds=0.2))
    assert (len(cache.videojobs), woken) == (0, {"gone"})


@pytest.mark.parametrize("status", [410, 429, 500, 503])
def test_an_operator_whose_watches_are_refused_acts_as_soon_as_they_are_not(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, tmp_path: Path, status: int
) -> None:
    """kopf gives up at some of them."""
    with (
        DisturbingProxy(cluster, watch_status=status) as proxy,
        OperatorProcess(cluster, namespace, tmp_path, KUBECONFIG=str(proxy.kubeconfig(tmp_path))) as operator,
    ):
        if status == 410:
            operator.wait_for_log("run_ended")
        else:
            operator.wait_for_log("event_watch_interrupted", times=2)
        videojobs.create("j")
        proxy.watch_status = None
        wait_until(videojobs.jobs, 60, operator.last_words)
        assert operator.is_running


def test_an_operator_with_one_watch_refused_and_others_unanswered_begins_a_new_run(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, tmp_path: Path
) -> None:
    """kopf forgets the others, and one goes on where it and its pause are cancelled together."""
    with (
        DisturbingProxy(cluster, watch_status=410, unanswered=("/jobs?", "/pods?")) as proxy,
        OperatorProcess(cluster, namespace, tmp_path, KUBECONFIG=str(proxy.kubeconfig(tmp_path))) as operator,
    ):
        operator.wait_for_log("run_ended", times=6)
        proxy.watch_status = None
        proxy.answer.set()
        videojobs.create("j")
        wait_until(videojobs.jobs, 60, operator.last_words)
        assert "request_cancel_callback" not in operator.log.read_text()
        assert "kopf_tasks_left" not in operator.log.read_text()


def test_an_operator_whose_watches_are_refused_while_a_callback_is_in_flight_begins_a_new_run(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, backend: Receiver, tmp_path: Path
) -> None:
    """The new one sends it again."""
    backend.script(HANG)
    with (
        DisturbingProxy(cluster) as proxy,
        OperatorProcess(cluster, namespace, tmp_path, KUBECONFIG=str(proxy.kubeconfig(tmp_path))) as operator,
        played_kubelet(cluster, namespace, work),
    ):
        videojobs.create("j", backend.url)
        backend.wait_for(len, 30)
        proxy.watch_status = 410
        videojobs.create("ends-the-watch")
        wait_until(lambda: "run_ended" in operator.log.read_text() or not operator.is_running, 30)
        proxy.watch_status = None
        assert operator.is_running, operator.last_words()
        videojobs.wait_for_condition("j", "CallbackDelivered", "True", "Delivered", 60)
        assert operator.stop() == 0
    assert marks(backend.requests[1:]) == ALL_SEVEN
