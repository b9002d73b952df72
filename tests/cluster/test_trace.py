"""The caller's trace through the API, the operator and the pod to the callbacks."""

from pathlib import Path

from ecg_dev.control_plane.server import ControlPlane
from support.cluster_jobs import VideoJobs
from support.operator_process import OperatorProcess
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import PlayedPipeline
from support.receiver import ALL_SEVEN, Receiver
from support.server_process import ServerProcess, environment_in_cluster

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_callbacks_and_log_lines_belong_to_the_trace_of_the_request(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, backend: Receiver, tmp_path: Path
) -> None:
    tasks = []

    def work(pod: PlayedPod) -> None:
        pipeline = PlayedPipeline(pod)
        tasks.append(pipeline.task)
        pipeline.work()

    environment = environment_in_cluster(cluster, namespace, BACKEND_URL=backend.url)
    with (
        OperatorProcess(cluster, namespace, tmp_path) as operator,
        played_kubelet(cluster, namespace, work),
        ServerProcess(tmp_path, environment) as server,
    ):
        operator.wait_for_log("in_sync")
        server.start().client.headers["traceparent"] = TRACEPARENT
        assert server.post("j", "https://media.example/v.mp4").status_code == 200
        videojobs.wait_for_condition("j", "CallbackDelivered", "True", "Delivered")
        operator.wait_for_log("callback_delivered", times=7)
        lines = [line for line in operator.log_lines() if line.get("job_id") == "j"]
        [submitted] = [line for line in server.log_lines() if line["event"] == "job_submitted"]
    assert [request.mark for request in backend.requests] == ALL_SEVEN
    assert {request.headers.get("traceparent") for request in backend.requests} == {TRACEPARENT}
    assert {line.get("trace_id") for line in lines} == {TRACE} == {submitted["trace_id"]}
    assert {line["event"] for line in lines} >= {"job_event", "callback_delivered"}
    assert [task["job"]["traceparent"] for task in tasks] == [TRACEPARENT]
