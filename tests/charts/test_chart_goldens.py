"""The rendered chart equals the golden files; UPDATE_GOLDENS=1 rewrites them."""

import os
from pathlib import Path

import pytest

from support import chart

HERE = Path(__file__).parent
CASES = {**chart.VALUES, "full": HERE / "values-full.yaml"}


@pytest.mark.parametrize("case", CASES)
def test_the_chart_renders_as_before(case: str) -> None:
    """Without the VideoJob definition, which `make verify` compares."""
    golden = HERE / "goldens" / f"{case}.yaml"
    rendered = chart.template("-f", str(CASES[case]), "--set", "crds.install=false")
    if os.environ.get("UPDATE_GOLDENS"):
        golden.write_text(rendered)
    assert rendered == golden.read_text(), "look at the difference; UPDATE_GOLDENS=1 takes it"


@pytest.mark.parametrize("case", CASES)
def test_helm_finds_nothing_to_complain_about(case: str) -> None:
    done = chart.helm("lint", str(chart.CHART), "--strict", "-f", str(CASES[case]))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_definition_is_rendered_as_it_is_committed() -> None:
    assert (chart.CHART / "files" / "crd.yaml").read_text().strip() in chart.template()
    assert "CustomResourceDefinition" not in chart.template("--set", "crds.install=false")


def test_the_definition_survives_an_uninstall() -> None:
    crd = chart.one(chart.render(), "CustomResourceDefinition", "videojobs.ecg-analyzer.io")
    assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
