"""Who may view or edit a namespace may do so with its VideoJobs: by the cluster's own roles."""

from collections.abc import Iterator

import pytest

from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support import chart
from support.control_plane import make_namespace


@pytest.fixture(scope="module")
def people(cluster: ControlPlane) -> Iterator[ControlPlane]:
    """`reader` has the role view in the namespace `people`, `writer` the role edit."""
    make_namespace(cluster, "people")
    roles = [m for m in chart.render(release="people", namespace="people") if m["kind"] == "ClusterRole"]
    assert len(roles) == 2
    chart.apply(cluster, roles)
    for user, role in (("reader", "view"), ("writer", "edit")):
        cluster.kubectl("create", "rolebinding", user, f"--clusterrole={role}", f"--user={user}", "-n", "people")
    yield cluster
    for manifest in roles:
        cluster.kubectl("delete", "clusterrole", manifest["metadata"]["name"], "--wait=false")


def may(plane: ControlPlane, user: str, verb: str, resource: str, *more: str) -> bool:
    answer = plane.kubectl("auth", "can-i", verb, resource, f"--as={user}", "-n", "people", *more, check=False)
    return answer.strip().splitlines()[-1] == "yes"


def test_a_reader_reads_and_a_writer_writes_and_nobody_writes_a_status(people: ControlPlane) -> None:
    # The controller manager aggregates the rules shortly after the roles' creation.
    wait_until(lambda: may(people, "writer", "create", "videojobs.ecg-analyzer.io"), 30)
    verbs = ("get", "list", "watch", "create", "patch", "delete")
    granted = {
        user: [verb for verb in verbs if may(people, user, verb, "videojobs.ecg-analyzer.io")]
        for user in ("reader", "writer", "stranger")
    }
    assert granted == {"reader": ["get", "list", "watch"], "writer": list(verbs), "stranger": []}
    assert not may(people, "writer", "patch", "videojobs.ecg-analyzer.io", "--subresource=status")
    assert not may(people, "writer", "create", "videojobs.ecg-analyzer.io", "-n", "default")


def test_the_roles_can_be_left_out() -> None:
    assert "ClusterRole" not in {m["kind"] for m in chart.render("--set", "rbac.aggregateToDefaultRoles=false")}
