"""Images can be named by digest, in the chart and as the base of the Dockerfiles."""

import re

import pytest

from support import chart

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize("component", ["api", "operator"])
def test_a_digest_takes_precedence_over_the_tag(component: str) -> None:
    rendered = chart.render("--set", f"images.{component}.digest={DIGEST}", "--set", "images.tag=v1")
    containers = chart.one(rendered, "Deployment", f"ecg-{component}")["spec"]["template"]["spec"]["containers"]
    assert [container["image"] for container in containers] == [f"ecg-{component}@{DIGEST}"]


def test_the_pipelines_digest_takes_precedence_over_the_tag() -> None:
    rendered = chart.render("--set", f"images.pipeline.digest={DIGEST}", "--set", "images.tag=v1")
    assert chart.container_environment(rendered, "operator")["PIPELINE_IMAGE"] == f"ecg-pipeline@{DIGEST}"


@pytest.mark.parametrize("component", ["api", "operator", "job_image"])
def test_every_stage_of_a_dockerfile_is_based_on_the_build_argument(component: str) -> None:
    text = (chart.ROOT / component / "Dockerfile").read_text()
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${BASE_IMAGE}"}
    assert re.search(r"^ARG BASE_IMAGE=", text, re.MULTILINE)
