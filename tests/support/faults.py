"""Fixtures of the fault tests on real pods: a release with a short heartbeat limit, and its jobs."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ecg_dev.node.cluster import NodeCluster
from support.installed import Installed, Values, installed
from support.media_server import MediaServer, Reply
from support.pipeline_process import ROOT
from support.receiver import ALL_SEVEN, Received, Receiver

PATIENCE_S = 240.0
VIDEO = (ROOT / "demo/samples/meeting_en.mp4").read_bytes()
_SMALL = {"resources": {"requests": {"cpu": "100m", "memory": "1Gi"}}}
VALUES: Values = {
    "jobs": {"heartbeatLostSeconds": 30},
    "pipeline": {"env": {"HEARTBEAT_SECONDS": "5"}, "gpu": _SMALL, "cpu": _SMALL},
}
"""Two pods fit on the node; a pod without a heartbeat for 30 s is replaced."""


@pytest.fixture(scope="module")
def release(node: NodeCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    with installed(node, "ecg-faults", tmp_path_factory.mktemp("chart"), VALUES) as release:
        yield release


@dataclass(frozen=True)
class Jobs:
    """Posts videos and checks how their jobs end."""

    release: Installed
    media: MediaServer
    backend: Receiver

    def post(self, job_id: str, *replies: Reply) -> None:
        url = self.media.serve(f"/{job_id}.mp4", *(replies or (Reply(body=VIDEO),)))
        self.release.post(job_id, url, fastapi_base_url=self.backend.url, enable_gpu=True)

    def post_held(self, job_id: str) -> None:
        """The first attempt hangs in the download; later attempts get the video."""
        self.post(job_id, Reply(delay_s=3600), Reply(body=VIDEO))

    def completes(self, job_id: str, attempt: int) -> list[Received]:
        """Waits for all seven callbacks, in order, from this attempt. Only a callback whose acknowledgement was not
        recorded may be repeated, with the same `webhook-id`."""
        self.backend.wait_for(lambda got: any(r.mark == ALL_SEVEN[-1] for r in self.backend.of(job_id)), PATIENCE_S)
        received = self.backend.of(job_id)
        first_of_each = {r.headers["webhook-id"]: r.mark for r in reversed(received)}
        assert list(reversed(first_of_each.values())) == ALL_SEVEN, [r.mark for r in received]
        assert self.release.videojobs.status(job_id)["attempt"]["number"] == attempt
        return received

    def fails(self, job_id: str, timeout: float = PATIENCE_S) -> str:
        """Waits for the failed callback; returns its error message."""
        self.backend.wait_for(lambda got: any(r.json["status"] == "failed" for r in self.backend.of(job_id)), timeout)
        last = self.backend.of(job_id)[-1].json
        assert last["error_code"] == "PROCESSING_ERROR"
        return str(last["error_message"])


@pytest.fixture
def jobs(release: Installed, media: MediaServer, backend: Receiver) -> Jobs:
    return Jobs(release, media, backend)
