"""The whole API of the host in a cluster against its OpenAPI document: a real API server and operator, and a bucket."""

from pathlib import Path

import pytest

from ecg_dev.control_plane.server import ControlPlane
from support.operator_process import OperatorProcess
from support.played_kubelet import played_kubelet
from support.played_pipeline import work
from support.s3 import BUCKET, environment, moto
from support.schema_conformance import assert_conforms
from support.server_process import ServerProcess, environment_in_cluster

__all__ = ["moto"]


@pytest.mark.timeout(600)
def test_nothing_that_is_sent_breaks_it(cluster: ControlPlane, namespace: str, moto: str, tmp_path: Path) -> None:
    own = {"RESULTS_BUCKET": BUCKET, "TRANSCRIBE_WAIT_S": "0.5", **environment(moto)}
    for folder in ("operator", "server"):
        (tmp_path / folder).mkdir()
    with (
        OperatorProcess(cluster, namespace, tmp_path / "operator"),
        played_kubelet(cluster, namespace, work),
        ServerProcess(tmp_path / "server", environment_in_cluster(cluster, namespace, **own)) as server,
    ):
        assert_conforms(str(server.start().client.base_url).rstrip("/"), tmp_path)
