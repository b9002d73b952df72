"""Invalid values are refused before installation, with a message that names the value."""

import json
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # comes without types

from support import chart

REFUSED = {
    "a misspelt name": ("jobs.deadlineSecond=3", "'deadlineSecond' not allowed"),
    "a misspelt section": ("pipelines.cpuFallback=true", "'pipelines' not allowed"),
    "a number in the environment": ("api.env.PORT=3", "'/api/env/PORT': got number, want string or object"),
    "a boolean in the environment": ("pipeline.env.X=true", "'/pipeline/env/X': got boolean"),
    "an environment name with a dash": ("api.env.A-B=x", "'A-B'"),
    "two kinds of a Secret": (
        "callbacks.secret.value=a,callbacks.secret.existingSecret=b",
        "callbacks.secret: value or existingSecret, not both",
    ),
    "a prefix without a slash": ("s3.prefix=ecg", 's3.prefix: "ecg" must end with a slash'),
    "a prefix that begins with one": ("s3.prefix=/ecg/", "not begin with one"),
    "a bucket as a URL": ("s3.bucket=s3://b", "/s3/bucket"),
    "a grace shorter than a callback": ("operator.terminationGracePeriodSeconds=30", "minimum: got 30, want 31"),
    "a second operator": ("operator.replicas=2", "'replicas' not allowed"),
    "no account": ("api.serviceAccount.create=false", "/api/serviceAccount/name"),
    "a pull policy in lower case": ("images.pullPolicy=always", "'Always', 'IfNotPresent', 'Never'"),
    "a backend with a query": ("backend.url=https://a.example/?x=1", "/backend/url"),
    "a quantity with a unit of its own": ("pipeline.cpu.resources.limits.memory=6GB", "/limits/memory"),
    "a kind of models": ("pipeline.models.source=nfs", "'download', 'pvc', 'image'"),
    "a node port without its type": ("api.service.nodePort=30000", "api.service.nodePort: needs"),
    "a route to nowhere": ("api.httpRoute.enabled=true", "/api/httpRoute/parentRefs"),
    "half seconds": ("jobs.ttlSeconds=0.5", "/jobs/ttlSeconds"),
}


@pytest.mark.parametrize(("setting", "words"), REFUSED.values(), ids=REFUSED)
def test_values_are_refused(setting: str, words: str) -> None:
    assert words in chart.refusal("--set", setting)


def test_every_value_is_known_to_the_schema_and_has_a_default() -> None:
    values = yaml.safe_load((chart.CHART / "values.yaml").read_text())
    schema = json.loads((chart.CHART / "values.schema.json").read_text())
    optional = {
        "global",
        "api.service.nodePort",
        "pipeline.gpu.resources.claims",
        "pipeline.models.pull.resources.claims",
    }
    assert _unset(schema, schema, values, "") <= optional | {f"{c}.resources.claims" for c in ("api", "operator")} | {
        "pipeline.cpu.resources.claims",
        "operator.resources.claims",
    }


def _unset(schema: object, root: dict[str, dict[str, object]], values: object, path: str) -> set[str]:
    """Paths in the schema that values.yaml lacks."""
    if not isinstance(schema, dict):
        return set()
    if "$ref" in schema:
        return _unset(root["definitions"][schema["$ref"].rpartition("/")[2]], root, values, path)
    if not isinstance(values, dict):
        return set()
    found = set()
    for name, part in schema.get("properties", {}).items():
        own = f"{path}.{name}".lstrip(".")
        found |= _unset(part, root, values[name], own) if name in values else {own}
    return found


def test_a_users_variable_takes_the_charts_place() -> None:
    arguments = ("--set", "backend.url=https://a.example", "--set-string", "operator.env.BACKEND_URL=https://b.example")
    env = chart.one(chart.render(*arguments), "Deployment", "ecg-operator")["spec"]["template"]["spec"]["containers"][0]
    assert [v["value"] for v in env["env"] if v["name"] == "BACKEND_URL"] == ["https://b.example"]


def test_a_users_reference_replaces_the_charts_whole() -> None:
    settings = "huggingface.token.value=x,pipeline.env.HF_TOKEN.valueFrom.configMapKeyRef.name=m"
    config = json.loads(
        chart.pod_config(chart.render("--set", f"{settings},pipeline.env.HF_TOKEN.valueFrom.configMapKeyRef.key=k"))
    )
    assert [v for v in config["env"] if v["name"] == "HF_TOKEN"] == [
        {"name": "HF_TOKEN", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}}
    ]


def test_a_changed_profile_restarts_the_operator() -> None:
    def checksum(*arguments: str) -> str:
        template = chart.one(chart.render(*arguments), "Deployment", "ecg-operator")["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/pods"])

    assert checksum() == checksum()
    assert checksum() != checksum("--set", "pipeline.cpu.resources.limits.memory=20Gi")


def test_two_releases_share_no_name_of_the_cluster() -> None:
    def of_the_cluster(release: str, namespace: str) -> set[str]:
        rendered = chart.render("--set", "crds.install=false", release=release, namespace=namespace)
        return {m["metadata"]["name"] for m in rendered if "namespace" not in m["metadata"]}

    assert of_the_cluster("ecg", "a")
    assert not of_the_cluster("ecg", "a") & of_the_cluster("ecg", "b")
    assert not of_the_cluster("ecg", "a") & of_the_cluster("two", "a")


def test_the_longest_release_name_still_fits() -> None:
    rendered = chart.render(release="r" * 53)
    videojob = next(m for m in rendered if m["kind"] == "VideoJob")
    assert len(videojob["metadata"]["name"]) <= 40
    assert max(len(m["metadata"]["name"]) for m in rendered if "namespace" in m["metadata"]) <= 63


def test_what_an_administrator_applies_can_be_left_out() -> None:
    rendered = chart.render("--set", "crds.install=false,policies.install=false,rbac.install=false")
    kinds = {m["kind"] for m in rendered}
    assert not kinds & {"Role", "RoleBinding", "ClusterRole", "ValidatingAdmissionPolicy", "CustomResourceDefinition"}
    assert all("namespace" in m["metadata"] for m in rendered)


def test_kind_maps_the_port_that_the_chart_opens() -> None:
    kind = yaml.safe_load((chart.ROOT / "kind-config.yaml").read_text())
    mapped = [m["containerPort"] for node in kind["nodes"] for m in node["extraPortMappings"]]
    service = chart.one(chart.render("-f", str(chart.VALUES["kind"])), "Service", "ecg-api")
    assert mapped == [port["nodePort"] for port in service["spec"]["ports"]]


def test_a_shared_gpu_takes_the_place_of_a_whole_one(tmp_path: Path) -> None:
    """Helm merges maps: null removes what the chart's values have."""
    values = {"pipeline": {"gpu": {"resources": {"limits": {"nvidia.com/gpu": None, "nvidia.com/mig-1g.10gb": 1}}}}}
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    for command in ("helm", "helm4"):
        config = json.loads(chart.pod_config(chart.render("-f", str(file), command=command)))
        limits = config["gpu"]["resources"]["limits"]
        assert "nvidia.com/gpu" not in limits
        assert limits["nvidia.com/mig-1g.10gb"] == 1


def test_an_autoscaler_alone_says_how_many_there_are() -> None:
    deployment = chart.one(chart.render("--set", "api.autoscaling.enabled=true"), "Deployment", "ecg-api")
    assert "replicas" not in deployment["spec"]
