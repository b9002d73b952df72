"""The files of deploy/eks fit together, and with the chart and the code; docs/eks.md names no other."""

import json
import re
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes without types

from ecg_dev.control_plane.server import ControlPlane
from ecg_operator.act.pod_manifest import USER
from support import chart, foreign_definitions

EKS = chart.ROOT / "deploy/eks"
PAGE = (chart.ROOT / "docs/eks.md").read_text()
VALUES = yaml.safe_load((EKS / "values.yaml").read_text())
CLUSTER = yaml.safe_load((EKS / "cluster.yaml").read_text())
RESULTS = f"arn:aws:s3:::{VALUES['s3']['bucket']}"
PREFIX = VALUES["s3"]["prefix"]


def rights(account: str) -> set[tuple[str, str]]:
    """Actions and resources of a service account's role."""
    (role,) = [one for one in CLUSTER["iam"]["podIdentityAssociations"] if one["serviceAccountName"] == account]
    assert role["namespace"] == "ecg"
    statements = role["permissionPolicy"]["Statement"]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    return {(action, arn) for one in statements for action in one["Action"] for arn in one["Resource"]}


def test_each_role_has_what_its_component_needs_and_no_more() -> None:
    results, uploads = f"{RESULTS}/{PREFIX}results/*", f"{RESULTS}/{PREFIX}uploads/*"
    assert rights("ecg-api") == {
        ("s3:ListBucket", RESULTS),
        ("s3:GetObject", results),
        ("s3:GetObject", uploads),
        ("s3:PutObject", uploads),
    }
    assert rights("ecg-operator") == {("s3:GetObject", results), ("s3:PutObject", results)}
    (videos,) = VALUES["sources"]["buckets"]
    assert rights("ecg-pipeline") == {("s3:GetObject", f"arn:aws:s3:::{videos}/*")}


def test_the_roles_are_for_the_charts_service_accounts() -> None:
    manifests = chart.render("-f", str(EKS / "values.yaml"))
    accounts = {one["metadata"]["name"] for one in manifests if one["kind"] == "ServiceAccount"}
    named = {one["serviceAccountName"] for one in CLUSTER["iam"]["podIdentityAssociations"]}
    assert named <= accounts


def test_the_lifecycle_is_that_of_the_charts_prefixes() -> None:
    rules = json.loads((EKS / "lifecycle.json").read_text())["Rules"]
    assert {rule["Filter"]["Prefix"] for rule in rules} == {f"{PREFIX}uploads/", f"{PREFIX}results/"}
    assert {rule["Status"] for rule in rules} == {"Enabled"}


@pytest.fixture
def storage_class() -> dict[str, Any]:
    return dict(yaml.safe_load((EKS / "storageclass.yaml").read_text()))


def test_the_volume_is_the_pods(storage_class: dict[str, Any], cluster: ControlPlane) -> None:
    assert storage_class["metadata"]["name"] == VALUES["pipeline"]["models"]["pvc"]["storageClassName"]
    assert {storage_class["parameters"][name] for name in ("uid", "gid")} == {str(USER)}
    text = json.dumps(storage_class)
    cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)


def test_external_secrets_are_those_that_the_values_name(cluster: ControlPlane, namespace: str) -> None:
    foreign_definitions.install(cluster)
    manifests = list(yaml.safe_load_all((EKS / "external-secrets.yaml").read_text()))
    assert {manifest["metadata"]["namespace"] for manifest in manifests} == {"ecg"}
    here = [manifest | {"metadata": manifest["metadata"] | {"namespace": namespace}} for manifest in manifests]
    output = chart.apply(cluster, here, "--dry-run=server", "--validate=strict")
    assert len(output.splitlines()) == len(manifests) == 4
    made = {m["spec"]["target"]["name"]: m["spec"]["data"][0]["secretKey"] for m in manifests[1:]}
    callback, token = VALUES["callbacks"]["secret"], VALUES["huggingface"]["token"]
    wanted = {one["existingSecret"]: one["key"] for one in (callback, token)} | {VALUES["api"]["keysSecret"]: "keys"}
    assert made == wanted


def test_every_gpu_node_has_the_taint_that_the_pods_tolerate() -> None:
    pool = next(iter(yaml.safe_load_all((EKS / "nodepool.yaml").read_text())))
    (group,) = [group for group in CLUSTER["managedNodeGroups"] if group["name"] == "gpu"]
    assert group["taints"] == pool["spec"]["template"]["spec"]["taints"]
    pods = json.loads(chart.pod_config(chart.render("-f", str(EKS / "values.yaml"))))
    (toleration,) = pods["gpu"]["tolerations"]
    for taint in group["taints"]:
        assert (toleration["key"], toleration["effect"]) == (taint["key"], taint["effect"])
    assert group["maxSize"] == pool["spec"]["limits"]["nvidia.com/gpu"] == VALUES["jobs"]["maxActive"]


def test_the_page_leaves_nothing_out() -> None:
    commands = "".join(re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL))
    assert "..." not in commands
    named = set(re.findall(r"deploy/eks/([\w.-]+\w)", commands))
    assert named == {path.name for path in EKS.iterdir()}
    defined = set(re.findall(r"(?:\$ |export |read -rs |for |&& )(\w+)(?:=| && | in )", commands)) | {
        "AWS_REGION",
        "BUCKET",
    }
    used = set(re.findall(r"\$\{?([A-Za-z_]\w*)", commands))
    assert used - defined == set()
