"""The real pipeline process as a pod: it reports to a real API server under the chart's policies."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg_dev.waiting import wait_until
from support.media_server import MediaServer, Reply
from support.operator_process import OperatorProcess
from support.pipeline_process import ROOT
from support.played_kubelet import PlayedPod, played_kubelet
from support.real_pod import RealPod
from support.receiver import ALL_SEVEN, Receiver
from support.release import Release
from support.server_process import ServerProcess, environment_in_cluster

SAMPLE = ROOT / "demo" / "samples" / "meeting_en.mp4"


@pytest.fixture
def media() -> Iterator[MediaServer]:
    with MediaServer() as server:
        server.serve("/meeting.mp4", Reply(body=SAMPLE.read_bytes()))
        yield server


@pytest.fixture
def operator(release: Release, tmp_path: Path) -> Iterator[OperatorProcess]:
    given = {"PIPELINE_SERVICE_ACCOUNT": f"{release.name}-pipeline", "LEASE_NAME": tmp_path.name[:40].replace("_", "-")}
    with OperatorProcess(release.plane, release.namespace, tmp_path, **given) as process:
        process.wait_for_log("in_sync")
        yield process


def test_a_video_is_analysed_and_its_result_delivered(
    release: Release, operator: OperatorProcess, media: MediaServer, tmp_path: Path
) -> None:
    pods = RealPod(tmp_path)
    with Receiver() as backend, played_kubelet(release.plane, release.namespace, pods, only="real-"):
        url = f"{media.url}/meeting.mp4"
        release.videojobs.create("real", backend.url, source={"url": url}, language="en", enableGpu=False)
        release.videojobs.wait_for_condition("real", "CallbackDelivered", "True", "Delivered", 180)
        wait_until(lambda: pods.exit_codes, 60)
    assert pods.exit_codes == [0]
    assert [r.mark for r in backend.requests] == ALL_SEVEN
    result = backend.requests[-1].json["result"]
    assert (result["language"], len(result["speakers"])) == ("en", 2)
    assert release.videojobs.status("real")["pipeline"]["result"]["words"] == len(result["word_segments"])


def test_a_signed_url_is_read_from_its_secret_and_stands_nowhere_else(
    release: Release, media: MediaServer, tmp_path: Path
) -> None:
    """From the POST to the result, everything logged at debug level."""
    signature = "canary9876543210"
    media.serve(f"/meeting.mp4?X-Amz-Signature={signature}", Reply(body=SAMPLE.read_bytes()))
    jobs, logs = release.videojobs, tmp_path / "api.log"
    pods = RealPod(tmp_path, LOG_LEVEL="DEBUG")
    given = {"PIPELINE_SERVICE_ACCOUNT": f"{release.name}-pipeline", "LEASE_NAME": "canary", "LOG_LEVEL": "DEBUG"}
    environment = environment_in_cluster(release.plane, release.namespace, LOG_FILE=str(logs), LOG_LEVEL="DEBUG")
    with (
        Receiver() as backend,
        OperatorProcess(release.plane, release.namespace, tmp_path, **given) as operator,
        ServerProcess(tmp_path, environment) as api,
        played_kubelet(release.plane, release.namespace, pods, only="signed-"),
    ):
        api.start()
        url = f"{media.url}/meeting.mp4?X-Amz-Signature={signature}"
        posted = api.post("signed", url, fastapi_base_url=backend.url, language="en", enable_gpu=False)
        assert posted.status_code == 200
        jobs.wait_for_condition("signed", "CallbackDelivered", "True", "Delivered", 180)
        wait_until(lambda: pods.exit_codes, 60)
        secrets = [s["metadata"]["name"] for s in jobs.objects("secrets")]
        kinds = ("configmaps", "events", "pods")
        stored = json.dumps([jobs.all(), jobs.jobs(), *(jobs.objects(kind) for kind in kinds)])
        said = operator.log.read_text() + logs.read_text() + next(tmp_path.glob("signed-*/log")).read_text()
        seen = api.client.get("/jobs/signed").text + json.dumps([r.json for r in backend.requests])
    assert not [name for name in secrets if name.endswith("-source")], "nobody needs it any more"
    assert signature not in stored + said + seen
    assert "job_submitted" in said
    assert '"level": "debug"' in said


def test_a_video_that_is_not_there_fails_the_job_with_its_words(
    release: Release, operator: OperatorProcess, media: MediaServer, tmp_path: Path
) -> None:
    media.serve("/none.mp4", Reply(404))
    pods = RealPod(tmp_path)
    with Receiver() as backend, played_kubelet(release.plane, release.namespace, pods, only="missing-"):
        source = {"url": f"{media.url}/none.mp4"}
        release.videojobs.create("missing", backend.url, source=source, enableGpu=False)
        release.videojobs.wait_for_condition("missing", "CallbackDelivered", "True", "Delivered", 120)
        wait_until(lambda: pods.exit_codes, 60)
    last = backend.requests[-1].json
    assert (last["status"], last["error_code"]) == ("failed", "DOWNLOAD_ERROR")
    assert last["error_message"] == "비디오 파일을 다운로드할 수 없습니다: 404 Not Found"
    assert pods.exit_codes == [10]
    words = next(tmp_path.glob("missing-*/termination-log")).read_text()
    assert json.loads(words)["code"] == "DOWNLOAD_ERROR"


def test_a_fenced_pod_stops_by_itself(release: Release, media: MediaServer, tmp_path: Path) -> None:
    """Its VideoJob was given to another pod while it worked."""
    videojob, pod = release.assigned()
    stranger = release.pod(videojob, 2)
    job = {"jobId": "x", "attempt": 1, "source": {"url": f"{media.url}/slow.mp4"}, "resultPath": "/none"}
    media.serve("/slow.mp4", Reply(body=SAMPLE.read_bytes(), delay_s=60))
    metadata = videojob["metadata"]
    folder = tmp_path / "pod"
    folder.mkdir()
    task = {"videojobName": metadata["name"], "videojobUID": metadata["uid"], "job": job}
    (folder / "task.json").write_text(json.dumps(task))
    process = RealPod(tmp_path, HEARTBEAT_SECONDS="0.5").launch(pod, folder)
    try:
        wait_until(lambda: "pipeline" in release.videojobs.status(videojob["metadata"]["name"]), 60)
        release.assign(videojob, stranger, 2)
        assert process.wait(30) == 15
    finally:
        process.kill()


def test_a_pod_outlives_an_outage_of_the_api_server(
    release: Release, operator: OperatorProcess, media: MediaServer, tmp_path: Path
) -> None:
    """The server goes while the video is fetched, and comes back when the analysis is over."""
    done = threading.Event()
    pods = RealPod(tmp_path)

    def script(pod: PlayedPod) -> None:
        pods(pod)
        done.set()

    media.serve("/outage.mp4", Reply(body=SAMPLE.read_bytes()))
    with Receiver() as backend, played_kubelet(release.plane, release.namespace, script, only="outage-"):
        source = {"url": f"{media.url}/outage.mp4"}
        release.videojobs.create("outage", backend.url, source=source, language="en", enableGpu=False)
        wait_until(lambda: list(tmp_path.glob("outage-*/log")), 60)
        log = next(tmp_path.glob("outage-*/log"))
        wait_until(lambda: "job_started" in log.read_text(), 60)
        release.plane.kill_api_server()
        wait_until(lambda: "report_delayed" in log.read_text(), 60)
        wait_until(lambda: log.read_text().count("model_loaded") >= 3, 120, log.read_text)
        release.plane.start_api_server()
        release.videojobs.wait_for_condition("outage", "CallbackDelivered", "True", "Delivered", 180)
        assert done.wait(60)
    assert pods.exit_codes == [0]
    assert [r.mark for r in backend.requests][-1] == ALL_SEVEN[-1]
    assert release.videojobs.status("outage")["attempt"]["number"] == 1
