"""The OpenAPI document: complete, with the callbacks, and consistent with the responses."""

import compileall
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from ecg_api.http.app import create_app
from ecg_api.settings import Settings
from ecg_contract.wire.models import CallbackPayload, ProcessVideoRequest
from ecg_contract.wire.transcription import TranscribeRequest
from support.fake_store import FakeStore


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    answer: dict[str, Any] = (await client.get("/openapi.json")).json()
    return answer


async def test_the_callbacks_have_exactly_the_seven_fields(document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/upload-video/process-video"]["post"]
    (callback,) = operation["callbacks"].values()
    assert list(callback) == ["{$request.body#/fastapi_base_url}/api/upload-video/result"]
    assert list(document["components"]["schemas"]["CallbackPayload"]["properties"]) == list(
        CallbackPayload.model_fields
    )


async def test_every_reference_has_its_schema(document: dict[str, Any]) -> None:
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert named <= document["components"]["schemas"].keys()


def contents(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of requests and successful answers: operation and media type, and schema with example."""
    for operations in document["paths"].values():
        for operation in operations.values():
            successes = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
            for part in [operation.get("requestBody", {}), *successes]:
                for media_type, content in part.get("content", {}).items():
                    yield f"{operation['operationId']} {media_type}", content


async def test_every_request_and_answer_has_an_example_of_its_schema(document: dict[str, Any]) -> None:
    for name, content in contents(document):
        assert "example" in content, name
        if name.endswith("application/json"):
            schema = {**content["schema"], "components": document["components"]}
            errors = [error.message for error in Draft202012Validator(schema).iter_errors(content["example"])]
            assert not errors, name


async def test_the_examples_are_requests_that_are_taken(document: dict[str, Any]) -> None:
    for path, model in (
        ("/api/upload-video/process-video", ProcessVideoRequest),
        ("/transcribe", TranscribeRequest),
    ):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert model.model_validate(body["example"], extra="forbid")


async def test_every_field_and_parameter_is_described(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    forms = {name: content["schema"] for name, content in contents(document) if "multipart" in name}
    for name, schema in (schemas | forms).items():
        for field, value in schema.get("properties", {}).items():
            assert value.get("description"), f"{name}.{field}"
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                assert parameter["description"], (operation["operationId"], parameter["name"])


def test_a_client_generated_from_it_compiles(settings: Settings, store: FakeStore, tmp_path: Path) -> None:
    document = create_app(settings, store).openapi()
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    (tmp_path / "config.yaml").write_text("post_hooks: []\n")
    generate = ["generate", "--path", "openapi.json", "--output-path", "made", "--config", "config.yaml"]
    command = [sys.executable, "-m", "openapi_python_client", *generate, "--meta", "none", "--fail-on-warning"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    imported = "import made.client; from made.models import JobStatusResponse as S; print(S.from_dict(%r).job_id)"
    status = document["paths"]["/jobs/{job_id}"]["get"]["responses"]["200"]["content"]["application/json"]["example"]
    command = [sys.executable, "-c", imported % status]
    used = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert used.stdout == f"{status['job_id']}\n", used.stderr
    assert compileall.compile_dir(tmp_path / "made", quiet=2)


async def test_every_tag_is_described_and_a_key_may_be_needed(document: dict[str, Any]) -> None:
    used = {tag for path in document["paths"].values() for operation in path.values() for tag in operation["tags"]}
    assert used == {tag["name"] for tag in document["tags"]}
    assert document["security"] == [{}, {"key": []}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


async def test_a_transcription_takes_a_file_or_json(document: dict[str, Any]) -> None:
    content = document["paths"]["/transcribe"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "multipart/form-data"}
    form = content["multipart/form-data"]["schema"]["properties"]
    counts = {"num_speakers", "min_speakers", "max_speakers"}
    assert set(form) == {"file", "enable_gpu", "emotion_detection", "language", "vocabulary", "metadata", *counts}


async def test_every_refusal_is_a_problem(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                if status.startswith("4"):
                    assert list(answer["content"]) == ["application/problem+json"], (path, method, status)


async def test_every_operation_is_described(document: dict[str, Any]) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["description"]
            assert operation["summary"]
