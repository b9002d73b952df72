"""helm install, upgrade, test and uninstall, on a separate control plane where helm owns the VideoJob definition."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg_dev.control_plane.server import ControlPlane, running_control_plane
from ecg_dev.waiting import wait_until
from support import chart
from support.cluster_jobs import VideoJobs
from support.played_kubelet import Manifest, PlayedPod, client

NAMESPACE = "speech"
_KINDS = (
    "deployments,services,configmaps,secrets,serviceaccounts,roles,rolebindings,pods,jobs,persistentvolumeclaims,"
    "validatingadmissionpolicies,validatingadmissionpolicybindings,priorityclasses,networkpolicies"
)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with running_control_plane(tmp_path_factory.mktemp("helm-control-plane")) as plane:
        yield plane


@pytest.fixture
def installed(plane: ControlPlane) -> ControlPlane:
    """The release `ecg`, installed again or reset after the previous test."""
    _helm(plane, "upgrade", "--install", "--create-namespace", "--reset-values", "--force")
    served = ("api-resources", "--api-group=ecg-analyzer.io", "-o", "name")
    wait_until(lambda: "videojobs" in plane.kubectl(*served), 30)
    return plane


def _helm(plane: ControlPlane, verb: str, *arguments: str, release: str = "ecg", check: bool = True) -> str:
    where = ("-n", NAMESPACE, "--create-namespace") if verb == "install" else ("-n", NAMESPACE)
    return plane.helm(verb, release, str(chart.CHART), *where, *arguments, check=check)


def _of_the_release(plane: ControlPlane) -> list[str]:
    listed = plane.kubectl(
        "get", _KINDS, "-n", NAMESPACE, "-l", "app.kubernetes.io/instance=ecg", "-o", "name", "--ignore-not-found"
    )
    return listed.split()


def _defined(plane: ControlPlane) -> Manifest:
    found: Manifest = json.loads(plane.kubectl("get", "crd", "videojobs.ecg-analyzer.io", "-o", "json"))
    return found


def test_an_install_says_what_to_type_next(plane: ControlPlane) -> None:
    output = _helm(plane, "install", "--dry-run=server")
    assert "helm -n speech test ecg" in output
    assert "results are kept in ConfigMaps" in output


def test_an_upgrade_changes_what_was_asked_and_nothing_is_stuck(installed: ControlPlane) -> None:
    before = set(_of_the_release(installed))
    assert {"deployment.apps/ecg-api", "deployment.apps/ecg-operator"} <= before
    _helm(installed, "upgrade", "--set", "api.replicas=2,pipeline.interactivePriority.create=true")
    assert set(_of_the_release(installed)) - before >= {"priorityclass.scheduling.k8s.io/ecg.speech.interactive"}
    replicas = installed.kubectl("get", "deployment/ecg-api", "-n", NAMESPACE, "-o", "jsonpath={.spec.replicas}")
    assert replicas == "2"
    _helm(installed, "upgrade", "--reset-values")
    wait_until(lambda: not any("interactive" in name for name in _of_the_release(installed)), 30)


def test_helm_4_installs_upgrades_and_uninstalls_it(installed: ControlPlane) -> None:
    installed.helm("uninstall", "ecg", "-n", NAMESPACE)
    wait_until(lambda: _of_the_release(installed) == [], 60, lambda: _of_the_release(installed))
    where = ("ecg", str(chart.CHART), "-n", NAMESPACE)
    installed.helm("install", *where, command="helm4")
    installed.helm("upgrade", *where, "--set", "api.replicas=2", command="helm4")
    replicas = installed.kubectl("get", "deployment/ecg-api", "-n", NAMESPACE, "-o", "jsonpath={.spec.replicas}")
    assert replicas == "2"
    installed.helm("uninstall", "ecg", "-n", NAMESPACE, command="helm4")
    wait_until(lambda: _of_the_release(installed) == [], 60, lambda: _of_the_release(installed))


def test_an_uninstall_leaves_the_definition_and_the_videojobs_alone(installed: ControlPlane) -> None:
    jobs = VideoJobs(installed, NAMESPACE)
    jobs.create("kept")
    installed.helm("uninstall", "ecg", "-n", NAMESPACE)
    wait_until(lambda: _of_the_release(installed) == [], 60, lambda: _of_the_release(installed))
    assert jobs.exists("kept")
    assert "deletionTimestamp" not in _defined(installed)["metadata"]


def test_a_reinstall_takes_the_definition_and_the_videojobs_over(installed: ControlPlane) -> None:
    jobs = VideoJobs(installed, NAMESPACE)
    jobs.create("kept-too")
    uid = _defined(installed)["metadata"]["uid"]
    installed.helm("uninstall", "ecg", "-n", NAMESPACE)
    _helm(installed, "install")
    assert _defined(installed)["metadata"]["uid"] == uid
    assert jobs.exists("kept-too")


def test_a_second_release_leaves_the_definition_to_the_first(installed: ControlPlane) -> None:
    refused = _helm(installed, "install", release="two", check=False)
    assert "cannot be imported into the current release" in refused
    _helm(installed, "install", "--set", "crds.install=false", release="two")
    installed.helm("uninstall", "two", "-n", NAMESPACE)
    assert _defined(installed)["metadata"]["annotations"]["meta.helm.sh/release-name"] == "ecg"


def test_another_release_may_take_the_definition_over(installed: ControlPlane) -> None:
    def owner() -> str:
        return str(_defined(installed)["metadata"]["annotations"]["meta.helm.sh/release-name"])

    _helm(installed, "install", "--take-ownership", release="two")
    assert owner() == "two"
    installed.helm("uninstall", "two", "-n", NAMESPACE)
    _helm(installed, "upgrade", "--reset-values", "--take-ownership")
    assert owner() == "ecg"


def test_whoever_owns_a_namespace_alone_installs_what_an_administrator_has_prepared(installed: ControlPlane) -> None:
    """The procedure in docs/kubernetes-operate.md."""
    name = "owned"
    installed.kubectl("create", "namespace", name)
    installed.kubectl("create", "serviceaccount", "owner", "-n", name)
    bound = ("--clusterrole=admin", f"--serviceaccount={name}:owner", "-n", name)
    installed.kubectl("create", "rolebinding", "owner", *bound)
    token = installed.kubectl("create", "token", "owner", "-n", name).strip()
    as_owner = ("-n", name, f"--kubeconfig={installed.kubeconfig_for(token, name)}")
    assert "forbidden" in installed.helm("install", "own", str(chart.CHART), *as_owner, check=False)

    parts = [f"templates/{part}.yaml" for part in ("crd", "policies", "rbac")]
    prepared = chart.template(*(f"-s={part}" for part in parts), release="own", namespace=name)
    installed.kubectl("apply", "--server-side", "--force-conflicts", "-n", name, "-f", "-", stdin=prepared)
    without = "crds.install=false,policies.install=false,rbac.install=false"
    installed.helm("upgrade", "--install", "own", str(chart.CHART), *as_owner, "--set", without)
    assert "own-operator" in installed.kubectl("get", "deployments", "-n", name, token=token)


# `helm test`: the program of its pod runs here as a process, with a token that is bound to the pod.


def _program(plane: ControlPlane, folder: Path) -> subprocess.CompletedProcess[str]:
    hooks = [m for m in chart.render(namespace=NAMESPACE) if "helm.sh/hook" in m["metadata"].get("annotations", {})]
    videojob, manifest = sorted(hooks, key=lambda m: m["kind"], reverse=True)
    chart.apply(plane, [videojob, manifest | {"spec": {**manifest["spec"], "schedulerName": "nobody"}}])
    with client(plane) as admin:
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{manifest['metadata']['name']}"
        pod = PlayedPod(plane, admin, admin.get(path).json())
        (folder / "token").write_text(pod.token())
    (folder / "ca.crt").write_bytes(plane.ca_file.read_bytes())
    container = manifest["spec"]["containers"][0]
    given = {"NAMESPACE": NAMESPACE, "POD_NAME": pod.name, "VIDEOJOB": videojob["metadata"]["name"]}
    where = {"ACCOUNT_DIR": str(folder), "API_SERVER": plane.url}
    assert {v["name"] for v in container["env"]} == set(given)
    command = [sys.executable, *container["command"][1:]]
    return subprocess.run(command, env=given | where, capture_output=True, text=True, check=False, timeout=60)


def test_the_helm_test_passes_where_the_policies_act(installed: ControlPlane, tmp_path: Path) -> None:
    def passes() -> bool:  # policies are enforced shortly after creation
        return _program(installed, tmp_path).returncode == 0

    wait_until(passes, 20, lambda: _program(installed, tmp_path).stdout)
    assert _program(installed, tmp_path).stdout.count("ok: ") == 5


def test_the_helm_test_fails_where_a_policy_is_missing_and_its_binding_is_not(
    installed: ControlPlane, tmp_path: Path
) -> None:
    wait_until(lambda: _program(installed, tmp_path).returncode == 0, 20)
    installed.kubectl("delete", "validatingadmissionpolicy", "ecg.speech.pipeline-status")
    wait_until(lambda: "FAILED: a forged report: 200 accepted" in _program(installed, tmp_path).stdout, 20)
    assert _program(installed, tmp_path).returncode == 1


def test_a_namespace_with_videojobs_can_be_deleted_without_the_operator(installed: ControlPlane) -> None:
    VideoJobs(installed, NAMESPACE).create("left")
    installed.helm("uninstall", "ecg", "-n", NAMESPACE)
    installed.kubectl("delete", "namespace", NAMESPACE, "--timeout=60s")
