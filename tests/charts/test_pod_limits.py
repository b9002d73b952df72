"""What a pipeline pod may reach and fill: addresses of both families, and the node's disk."""

from pathlib import Path

import pytest

from support import chart
from support.chart_pods import pipeline_pod
from support.played_kubelet import Manifest

CASES = {**chart.VALUES, "full": Path(__file__).parent / "values-full.yaml"}
METADATA_SERVICES = {"169.254.169.254/32", "fd00:ec2::254/128", "fd20:ce::254/128"}


def _blocks(*arguments: str) -> dict[str, set[str]]:
    """What the pipeline's pods may not reach, by the network that it is excepted from."""
    policy = chart.one(chart.render(*arguments), "NetworkPolicy", "ecg-pipeline")
    blocks = [peer["ipBlock"] for rule in policy["spec"]["egress"] for peer in rule["to"]]
    return {block["cidr"]: set(block.get("except") or []) for block in blocks}


def test_the_network_policy_denies_the_metadata_services_of_both_address_families() -> None:
    found = _blocks("--set", "networkPolicy.enabled=true")
    assert set(found) == {"0.0.0.0/0", "::/0"}
    assert set.union(*found.values()) >= METADATA_SERVICES
    assert all((":" in denied) == (":" in cidr) for cidr, every in found.items() for denied in every)


def test_the_network_policy_is_on_where_the_values_name_a_plugin_that_enforces_it() -> None:
    assert set.union(*_blocks("-f", str(chart.VALUES["eks"])).values()) >= METADATA_SERVICES


def test_one_family_alone_can_be_denied() -> None:
    found = _blocks("--set", "networkPolicy.enabled=true", "--set", "networkPolicy.pipelineDenied={10.0.0.0/8}")
    assert found == {"0.0.0.0/0": {"10.0.0.0/8"}, "::/0": set()}


def _gib(quantity: str) -> float:
    number, unit = quantity[:-2], quantity[-2:]
    return float(number) * {"Gi": 1.0, "Mi": 1 / 1024}[unit]


@pytest.mark.parametrize("profile", ["gpu", "cpu"])
@pytest.mark.parametrize("case", CASES)
def test_a_pipeline_pod_cannot_fill_the_nodes_disk(case: str, profile: str, tmp_path: Path) -> None:
    pod: Manifest = pipeline_pod(chart.render("-f", str(CASES[case])), profile, tmp_path)["spec"]
    empty = {v["name"]: v["emptyDir"] for v in pod["volumes"] if "emptyDir" in v}
    assert {"work", "tmp"} <= set(empty)
    sizes = {name: _gib(volume["sizeLimit"]) for name, volume in empty.items()}
    resources = pod["containers"][0]["resources"]
    assert _gib(resources["requests"]["ephemeral-storage"]) > 0
    assert _gib(resources["limits"]["ephemeral-storage"]) >= sum(sizes.values())
    assert sizes["work"] > 10, "the largest video, FETCH_MAX_BYTES, and its result"
