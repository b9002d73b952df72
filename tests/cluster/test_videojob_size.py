"""No VideoJob exceeds 64 KiB, whatever is written: the schema's maxima add up to less."""

import functools
import json
import re
from typing import Any

import httpx
import pytest

from ecg_contract.host_protocol import PipelineError, PipelineStatus
from ecg_contract.tracing import TRACEPARENT
from ecg_contract.videojob.crd import custom_resource_definition
from ecg_contract.videojob.resource import PodReport, VideoJob
from ecg_dev.control_plane.server import ControlPlane
from support.played_kubelet import Manifest, client
from support.release import Release

LIMIT = 64 * 1024
FOR_METADATA = 6 * 1024
"""Left for the metadata, above all the list of who manages which field."""
PARTS = ("spec", "status")
_APPLY = {"content-type": "application/apply-patch+yaml"}


@functools.cache
def schema() -> dict[str, Manifest]:
    properties = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    return {part: properties[part] for part in PARTS}


def stored(value: Any) -> str:
    """JSON as the API server stores it: it escapes for HTML, and Korean stands as it is."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "&<>\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def size(value: Any) -> int:
    return len(stored(value).encode())


@functools.cache
def widest(pattern: str | None) -> str:
    """The character that takes the most bytes, of those that a pattern of one repeated class takes."""
    if pattern is None:
        return "\x01"
    taken = re.compile(pattern)
    candidates = [*map(chr, range(1, 0x3000)), "가", "\U0001f600"]
    return max((c for c in candidates if taken.fullmatch(c)), key=size)


def fullest(schema: Manifest, path: str = "") -> Any:
    """A value of the schema that no other exceeds in bytes. Raises AssertionError where there is none."""
    if "enum" in schema:
        return max(schema["enum"], key=size)
    match schema["type"]:
        case "object":
            if "additionalProperties" in schema:
                return _mapping(schema, path)
            return {name: fullest(part, f"{path}.{name}") for name, part in schema["properties"].items()}
        case "array":
            assert "maxItems" in schema, f"{path} may have any number of items"
            return [fullest(schema["items"], f"{path}[]")] * schema["maxItems"]
        case "string":
            assert "maxLength" in schema, f"{path} may be of any length"
            return _text(schema)
    return _number(schema)


def _mapping(schema: Manifest, path: str) -> dict[str, Any]:
    """With the longest names that the CEL rule takes."""
    assert "maxProperties" in schema, f"{path} may have any number of keys"
    (rule,) = (found for found in schema["x-kubernetes-validations"] if "name.matches" in found["rule"])
    length = re.search(r"matches\('\^\[A-Za-z0-9_.-\]\{1,(\d+)\}\$'\)", rule["rule"])
    assert length, f"{path} may have keys of any length"
    names = (str(number) * int(length[1]) for number in range(schema["maxProperties"]))
    return {name: fullest(schema["additionalProperties"], path) for name in names}


def _number(schema: Manifest) -> Any:
    widest = {"boolean": False, "integer": 2**63 - 1, "number": 1.2345678901234567e-300}
    return schema.get("maximum", widest[schema["type"]])


def _text(schema: Manifest) -> str:
    length = schema["maxLength"]
    if schema.get("format") == "date-time":
        return f"2026-11-23T10:00:00.{'1' * (length - 26)}+00:00"
    if schema.get("pattern") == TRACEPARENT:
        return f"00-{'a' * 32}-{'b' * 16}-01"
    return widest(schema.get("pattern")) * int(length)


def test_the_maxima_of_all_fields_add_up_to_less_than_64_kib() -> None:
    found = {part: size(fullest(schema()[part], part)) for part in PARTS}
    assert sum(found.values()) <= LIMIT - FOR_METADATA, found


def _status() -> Manifest:
    status = fullest(schema()["status"])
    types = schema()["status"]["properties"]["conditions"]["items"]["properties"]["type"]["enum"]
    conditions = zip(status["conditions"], types, strict=True)
    status["conditions"] = [condition | {"type": kind} for condition, kind in conditions]
    return dict(status)


@pytest.fixture
def videojobs_path(namespace: str) -> str:
    return f"/apis/ecg-analyzer.io/v1alpha1/namespaces/{namespace}/videojobs"


def test_a_videojob_that_is_full_is_stored_and_has_less_than_64_kib(cluster: ControlPlane, videojobs_path: str) -> None:
    name = "x" * 40
    kind = {"apiVersion": "ecg-analyzer.io/v1alpha1", "kind": "VideoJob", "metadata": {"name": name}}
    with client(cluster) as http:
        posted = http.post(videojobs_path, json={**kind, "spec": fullest(schema()["spec"])})
        assert posted.status_code == 201, posted.text[:500]
        body = posted.json() | {"status": _status()}
        written = http.put(f"{videojobs_path}/{name}/status", json=body)
        assert written.status_code == 200, written.text[:500]
        read = http.get(f"{videojobs_path}/{name}")
    assert read.json()["status"] == body["status"]
    assert LIMIT / 2 < len(read.content) <= LIMIT


@pytest.mark.parametrize(
    "changes",
    [
        {"message": "가" * 5000},
        {"notes": tuple(f"{n}: {'가' * 5000}" for n in range(500))},
        {"error": PipelineError(code="PROCESSING_ERROR", message="가" * 5000)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_pods_report_is_cut_where_it_is_too_long(release: Release, changes: dict[str, Any]) -> None:
    """Nothing that a pod has to say makes the API server refuse its report."""
    videojob, pod = release.assigned()
    status = PipelineStatus(attempt=1).model_copy(update=changes)
    report = PodReport(**dict(status), pod_uid=pod.uid).model_dump(mode="json", by_alias=True, exclude_none=True)
    answer = pod.report(videojob["metadata"]["name"], report)
    assert answer.status_code == 200, answer.text[:500]
    assert VideoJob.from_manifest(answer.json()).status.pipeline is not None


def _applied(http: httpx.Client, path: str, body: Manifest, manager: str) -> httpx.Response:
    query = {"fieldManager": manager, "force": "true"}
    return http.patch(f"{path}/status", content=json.dumps(body), headers=_APPLY, params=query)


def test_a_pod_cannot_fill_the_list_of_managers(release: Release) -> None:
    videojob, pod = release.assigned()
    body: Manifest = {key: videojob[key] for key in ("apiVersion", "kind")}
    body["metadata"] = {"name": videojob["metadata"]["name"]}
    body["status"] = {"pipeline": {"attempt": 1, "podUID": pod.uid, "progress": 25}}
    with client(release.plane, pod.token()) as http:
        answers = [_applied(http, release.path(videojob), body, f"manager-{n}") for n in range(20)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 422, "twenty managers"
    assert len(release.videojobs.get(videojob["metadata"]["name"])["metadata"]["managedFields"]) <= 10
