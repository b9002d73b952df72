"""The VideoJob definition on a real API server: it is stored unchanged, validates objects, and drops no field."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ecg_contract.host_protocol import MAX_RESULT_BYTES
from ecg_contract.videojob.crd import custom_resource_definition
from ecg_contract.videojob.resource import VideoJob
from ecg_contract.videojob.spec import VideoJobSpec
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.chart import CHART, ROOT
from support.full_videojob import full_spec, full_status
from support.played_kubelet import Manifest, client

CRD = CHART / "files" / "crd.yaml"
_MERGE = {"content-type": "application/merge-patch+json"}
_DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/videojobs.ecg-analyzer.io"


@pytest.fixture
def admin(cluster: ControlPlane) -> Iterator[httpx.Client]:
    with client(cluster) as http:
        yield http


class Posted:
    """VideoJobs of one namespace, through plain HTTP requests."""

    def __init__(self, http: httpx.Client, namespace: str) -> None:
        self.http, self.path = http, f"/apis/ecg-analyzer.io/v1alpha1/namespaces/{namespace}/videojobs"

    def create(self, spec: Manifest | None = None, name: str | None = None) -> httpx.Response:
        name = name or f"job-{secrets.token_hex(4)}"
        own = {"jobId": name, "source": {"url": "https://media.example/v.mp4"}}
        kind = {"apiVersion": "ecg-analyzer.io/v1alpha1", "kind": "VideoJob", "metadata": {"name": name}}
        return self.http.post(self.path, json={**kind, "spec": {**own, **(spec or {})}})

    def created(self, **spec: Any) -> str:
        answer = self.create(spec)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["metadata"]["name"])

    def change(self, name: str, **spec: Any) -> httpx.Response:
        return self.http.patch(f"{self.path}/{name}", json={"spec": spec}, headers=_MERGE)


@pytest.fixture
def posted(admin: httpx.Client, namespace: str) -> Posted:
    return Posted(admin, namespace)


def _refused(answer: httpx.Response, message: str) -> None:
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["message"]


# The definition.


def test_the_charts_copy_is_up_to_date(tmp_path: Path) -> None:
    target = tmp_path / "crd.yaml"
    subprocess.run([sys.executable, "scripts/generate_crd.py", str(target)], cwd=ROOT, check=True)
    assert target.read_text() == CRD.read_text(), "run `make generate`"


def test_the_server_takes_it_whole(cluster: ControlPlane, admin: httpx.Client) -> None:
    """The server stores the given schema: it pruned nothing."""
    cluster.kubectl("apply", "--server-side", "--dry-run=server", "--force-conflicts", "-f", str(CRD))
    stored = admin.get(_DEFINITION).json()
    conditions = {c["type"]: c["status"] for c in stored["status"]["conditions"]}
    assert conditions["Established"] == "True"
    assert conditions.get("NonStructuralSchema", "False") == "False"
    wanted = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert stored["spec"]["versions"][0]["schema"]["openAPIV3Schema"] == wanted


def _undescribed(schema: Manifest, path: str) -> list[str]:
    found = [] if schema.get("description") else [path]
    for name, part in schema.get("properties", {}).items():
        found += _undescribed(part, f"{path}.{name}")
    if "items" in schema and "properties" in schema["items"]:
        found += [p for n, s in schema["items"]["properties"].items() for p in _undescribed(s, f"{path}[].{n}")]
    return found


def test_every_field_is_described() -> None:
    schema = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found = _undescribed(schema, "")
    stages = [path for path in found if path.startswith(".status.pipeline.stages.") and path.count(".") == 4]
    assert set(found) - set(stages) <= {".apiVersion", ".kind", ".metadata"}


def test_kubectl_explains_it(cluster: ControlPlane) -> None:
    output = ""

    def explained() -> bool:  # the server publishes the schema shortly after it is established
        nonlocal output
        output = cluster.kubectl("explain", "videojob.spec", check=False)
        return "DESCRIPTION" in output

    wait_until(explained, 20)
    assert "What is to be analysed, and how." in output
    for name in VideoJobSpec.model_json_schema(by_alias=True)["properties"]:
        assert f"\n  {name}\t" in output
    assert "-required-" in output
    language = cluster.kubectl("explain", "vj.spec.language")
    assert "Language that is spoken" in language
    assert language.split("ENUM:")[1].split()[:5] == ["auto", "ko", "en", "ja", "zh"]


def test_kubectl_lists_it_by_its_short_name_and_its_category(
    cluster: ControlPlane, posted: Posted, namespace: str
) -> None:
    name = posted.created(language="ko")
    heading, row = cluster.kubectl("get", "vj", "-n", namespace).splitlines()
    assert heading.split() == ["NAME", "PHASE", "PROGRESS", "STAGE", "LANGUAGE", "ATTEMPTS", "AGE"]
    assert row.split()[:2] == [name, "ko"]
    wide = cluster.kubectl("get", "ecg", "-n", namespace, "-o", "wide").splitlines()[0].split()
    assert wide[7:] == ["MESSAGE", "ERROR", "CALLBACK", "SPEAKERS", "DURATION", "NODE"]


# Accepted objects.


def test_every_field_comes_back_as_it_was_written(posted: Posted) -> None:
    spec, status = full_spec(), full_status()
    name = posted.created(**spec.model_dump(mode="json", by_alias=True, exclude_none=True))
    path = f"{posted.path}/{name}"
    manifest = posted.http.get(path).json()
    manifest["status"] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert posted.http.put(f"{path}/status", json=manifest).status_code == 200
    stored = posted.http.get(path).json()
    assert stored["status"] == manifest["status"]
    read = VideoJob.from_manifest(stored)
    assert (read.spec, read.status) == (spec, status)


def test_the_full_videojob_leaves_no_field_out() -> None:
    """The test above depends on this."""
    schema = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    for part, model in (("spec", full_spec()), ("status", full_status())):
        written = model.model_dump(mode="json", by_alias=True, exclude_none=True)
        assert _missing(schema[part], written, part) == set()


def _missing(schema: Manifest, written: Any, path: str) -> set[str]:
    if "items" in schema:
        return _missing(schema["items"], written[0], f"{path}[]")
    found = set()
    for name, part in schema.get("properties", {}).items():
        found |= _missing(part, written[name], f"{path}.{name}") if name in written else {f"{path}.{name}"}
    return found


def test_the_servers_defaults_are_the_models(posted: Posted) -> None:
    stored = posted.create().json()["spec"]
    own = VideoJobSpec.model_validate({"jobId": stored["jobId"], "source": {"url": stored["source"]["url"]}})
    defaults = own.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert {name: stored.get(name) for name in defaults if name != "source"} == {
        name: value for name, value in defaults.items() if name != "source"
    }
    assert VideoJobSpec.model_validate(stored) == own


def test_the_status_is_not_written_with_the_spec(posted: Posted) -> None:
    name = posted.created()
    path = f"{posted.path}/{name}"
    posted.http.patch(path, json={"status": {"phase": "Succeeded"}}, headers=_MERGE).raise_for_status()
    assert posted.http.get(path).json()["status"] == {}, "a pod's JSON Patch finds it before the operator's first write"
    body = {"spec": {"suspend": True}, "metadata": {"labels": {"a": "b"}}, "status": {"phase": "Pending", "other": 1}}
    changed = posted.http.patch(f"{path}/status", json=body, headers=_MERGE).json()
    assert (changed["spec"]["suspend"], changed["status"]) == (False, {"phase": "Pending"})


# Refused objects.

BAD_SPECS: dict[str, tuple[Manifest, str]] = {
    "no source": ({"source": {}}, "either url or fromSecret is needed"),
    "two sources": (
        {"source": {"url": "https://a.example/v.mp4", "fromSecret": True}},
        "either url or fromSecret is needed",
    ),
    "an unknown language": ({"language": "xx"}, 'supported values: "auto", "ko", "en", "ja", "zh"'),
    "a name of metadata with a space": ({"metadata": {"a b": "c"}}, "a name must match"),
    "a seventh name": ({"metadata": {str(n): "" for n in range(7)}}, "must have at most 6 items"),
    "an empty job id": ({"jobId": ""}, "spec.jobId"),
    "a long job id": ({"jobId": "x" * 257}, "spec.jobId"),
    "an empty URL": ({"source": {"url": ""}}, "spec.source.url"),
    "no workers": ({"maxWorkers": 0}, "greater than or equal to 1"),
    "too many workers": ({"maxWorkers": 65}, "less than or equal to 64"),
    "run 0": ({"run": 0}, "greater than or equal to 1"),
    "a deadline of no time": ({"activeDeadlineSeconds": 0}, "greater than or equal to 1"),
    "a word for a flag": ({"enableGpu": "yes"}, "must be of type boolean"),
}


@pytest.mark.parametrize(("spec", "message"), BAD_SPECS.values(), ids=BAD_SPECS)
def test_a_bad_spec_is_refused_in_words(posted: Posted, spec: Manifest, message: str) -> None:
    _refused(posted.create(spec), message)


@pytest.mark.parametrize("name", ["x" * 41, "with.dot"])
def test_a_name_that_no_jobs_name_fits_behind_is_refused(posted: Posted, name: str) -> None:
    _refused(posted.create(name=name), "the name has at most 40 characters and no dots")


FIXED: dict[str, Any] = {
    "jobId": "other",
    "source": {"url": "https://media.example/other.mp4"},
    "callback": {"baseUrl": "https://other.example"},
    "enableGpu": False,
    "emotionDetection": False,
    "language": "ja",
    "numSpeakers": 2,
    "minSpeakers": 2,
    "maxSpeakers": 2,
    "vocabulary": "other",
    "metadata": {"project": "other"},
    "maxWorkers": 9,
    "interactive": True,
    "requestDigest": "0" * 64,
    "traceparent": f"00-{'a' * 32}-{'b' * 16}-00",
    "activeDeadlineSeconds": 60,
    "ttlSecondsAfterFinished": 60,
    "queueLimitSeconds": 60,
}
ANOTHER: dict[str, Any] = {
    "callback": {"baseUrl": "https://another.example"},
    "numSpeakers": 3,
    "minSpeakers": 1,
    "maxSpeakers": 3,
    "requestDigest": "1" * 64,
    "traceparent": f"00-{'b' * 32}-{'b' * 16}-00",
    "activeDeadlineSeconds": 61,
    "ttlSecondsAfterFinished": 61,
    "queueLimitSeconds": 61,
}
"""For the fields that may be absent."""
GROWING = ("run", "cancelledRun", "redelivery")


@pytest.mark.parametrize("field", FIXED)
def test_a_fixed_field_cannot_be_changed(posted: Posted, field: str) -> None:
    _refused(posted.change(posted.created(), **{field: FIXED[field]}), f"{field} cannot be changed")


@pytest.mark.parametrize("field", ANOTHER)
def test_a_fixed_field_that_may_be_absent_cannot_be_removed_and_not_be_changed(posted: Posted, field: str) -> None:
    name = posted.created(**{field: FIXED[field]})
    _refused(posted.change(name, **{field: None}), f"{field} cannot be changed")
    _refused(posted.change(name, **{field: ANOTHER[field]}), f"{field} cannot be changed")
    assert posted.change(name, **{field: FIXED[field]}).status_code == 200


@pytest.mark.parametrize("field", sorted(FIXED.keys() - ANOTHER.keys() - {"jobId", "source"}))
def test_removing_a_fixed_field_that_has_a_default_does_not_change_it_to_the_default(
    posted: Posted, field: str
) -> None:
    _refused(posted.change(posted.created(**{field: FIXED[field]}), **{field: None}), f"{field} cannot be changed")


@pytest.mark.parametrize("field", GROWING)
def test_a_counter_only_grows(posted: Posted, field: str) -> None:
    name = posted.created(**{field: 2})
    assert posted.change(name, **{field: 3}).status_code == 200
    _refused(posted.change(name, **{field: 2}), f"{field} only grows")


def test_the_priority_may_be_changed(posted: Posted) -> None:
    name = posted.created()
    assert posted.change(name, priority=7).json()["spec"]["priority"] == 7
    _refused(posted.change(name, priority=1001), "priority")


def test_suspend_goes_both_ways(posted: Posted) -> None:
    name = posted.created()
    for value in (True, False, True):
        assert posted.change(name, suspend=value).json()["spec"]["suspend"] is value


def test_each_field_of_the_spec_is_fixed_or_grows_or_is_named_here() -> None:
    names = set(VideoJobSpec.model_json_schema(by_alias=True)["properties"])
    assert names == {*FIXED, *GROWING, "suspend", "priority"}


def test_the_generated_yaml_is_the_generated_definition(cluster: ControlPlane) -> None:
    """kubectl reads every word of the file as the string or number that was generated."""
    read = json.loads(cluster.kubectl("create", "--dry-run=client", "-o", "json", "-f", str(CRD)))
    assert read["spec"] == custom_resource_definition()["spec"]


@pytest.mark.parametrize(("size", "taken"), [(MAX_RESULT_BYTES, True), (MAX_RESULT_BYTES + 1, False), (-1, False)])
def test_a_result_that_would_fill_a_readers_disk_is_refused(posted: Posted, size: int, taken: bool) -> None:
    path = f"{posted.path}/{posted.created()}/status"
    report = full_status().model_dump(mode="json", by_alias=True, exclude_none=True)["pipeline"]
    report["result"]["bytes"] = size
    answer = posted.http.patch(path, json={"status": {"pipeline": report}}, headers=_MERGE)
    assert answer.is_success is taken, answer.text


@pytest.mark.parametrize(
    ("moment", "taken"),
    [
        ("2026-11-23T10:00:00Z", True),
        ("2026-11-23T10:00:00.123456Z", True),
        ("2026-11-23T10:00:00-09:30", True),
        ("0000-01-01T00:00:00Z", False),
        ("9999-12-31T23:59:59-23:59", False),
        ("2026-11-23T10:00:00+99:00", False),
        ("2026-11-23T10:00:00-09:99", False),
    ],
)
def test_a_moment_that_no_reader_could_take_is_refused(posted: Posted, moment: str, taken: bool) -> None:
    path = f"{posted.path}/{posted.created()}/status"
    report = {"attempt": 1, "podUID": "x", "heartbeatTime": moment}
    answer = posted.http.patch(path, json={"status": {"pipeline": report}}, headers=_MERGE)
    assert answer.is_success is taken, answer.text
    assert VideoJob.from_manifest(posted.http.get(path).json()).status.pipeline is not None or not taken
