"""The OpenAPI document: complete, with the callbacks, and consistent with the responses."""

import json
import re
from typing import Any

import httpx
import pytest

from ecg_contract.wire.models import CallbackPayload, ProcessVideoRequest, TranscribeRequest


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


async def test_the_examples_are_requests_that_are_taken(document: dict[str, Any]) -> None:
    for path, model in (
        ("/api/upload-video/process-video", ProcessVideoRequest),
        ("/transcribe", TranscribeRequest),
    ):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert model.model_validate(body["example"], extra="forbid")


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
