"""The CustomResourceDefinition of `VideoJob`, generated from its models.

Pydantic's JSON schema becomes a structural schema: references are inlined, titles and nulls dropped, a mapping with an
enum as its keys becomes an object with these properties, and a pattern of its keys a CEL rule.
"""

from typing import Any

from ecg_contract.videojob.resource import GROUP, KIND, PLURAL, VERSION, VideoJob
from ecg_contract.videojob.spec import CEL_RULES, cel_rule
from ecg_contract.videojob.spec_rules import add_spec_rules

Schema = dict[str, Any]

_KEPT = (
    "type",
    "description",
    "enum",
    "format",
    "default",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "maxItems",
    "maxProperties",
    "pattern",
    "required",
    CEL_RULES,
)

_MOMENT = "^[12][0-9]{3}-[^+]*([zZ]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
"""Stricter than `format: date-time`, which accepts year 0 and an offset of 99 hours: a pod could write a time that no
client can parse, and make its whole VideoJob unreadable."""

_COLUMNS = (
    ("Phase", "string", ".status.phase", 0, "The state in a word"),
    ("Progress", "number", ".status.pipeline.progress", 0, "Percent"),
    ("Stage", "string", ".status.pipeline.stage", 0, "The stage that is being worked on"),
    ("Language", "string", ".spec.language", 0, "Language that was asked for"),
    ("Attempts", "integer", ".status.attempt.number", 0, "Attempts so far"),
    ("Age", "date", ".metadata.creationTimestamp", 0, "Time since it was created"),
    ("Message", "string", ".status.message", 1, "What the job does or waits for"),
    ("Error", "string", ".status.error.code", 1, "Why it failed"),
    ("Callback", "string", ".status.callback", 1, "How the delivery of callbacks stands"),
    ("Speakers", "integer", ".status.pipeline.result.speakers", 1, "Number of speakers"),
    ("Duration", "number", ".status.pipeline.result.duration", 1, "Length of the media in seconds"),
    ("Node", "string", ".status.attempt.nodeName", 1, "Node that works on it"),
)

_SELECTABLE = (".spec.jobId", ".spec.language", ".status.phase", ".status.error.code", ".status.callback")
"""Fields of `kubectl get videojobs --field-selector`. A label for the state would cost a write for each change."""


def custom_resource_definition() -> Schema:
    """The manifest, JSON-ready."""
    names = {"kind": KIND, "listKind": f"{KIND}List", "plural": PLURAL, "singular": KIND.lower()}
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(*column) for column in _COLUMNS],
        "selectableFields": [{"jsonPath": path} for path in _SELECTABLE],
        "schema": {"openAPIV3Schema": _schema()},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": names | {"shortNames": ["vj"], "categories": ["ecg"]},
            "versions": [version],
        },
    }


def _column(name: str, kind: str, path: str, priority: int, description: str) -> Schema:
    column: Schema = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return column | ({"priority": priority} if priority else {})


def _schema() -> Schema:
    generated = VideoJob.model_json_schema(by_alias=True)
    schema = _structural(generated, generated.get("$defs", {}), defaults=True)
    properties = schema["properties"]
    for name in ("apiVersion", "kind", "metadata"):  # the API server defines their schemas
        properties[name] = {"type": "object" if name == "metadata" else "string"}
    add_spec_rules(properties["spec"])
    properties["status"] = _structural(generated["properties"]["status"], generated["$defs"], defaults=False)
    properties["status"]["default"] = {}  # so that a pod's JSON Patch of status.pipeline finds it before the operator's
    properties["status"]["properties"]["conditions"] |= {
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    }
    return schema | {"required": ["spec"]}


def _structural(schema: Schema, definitions: dict[str, Schema], *, defaults: bool) -> Schema:
    """`schema` as a structural schema; `defaults` are kept for the spec, not for the status."""
    schema = _resolved(schema, definitions)
    kept = {key: schema[key] for key in _KEPT if schema.get(key) is not None}
    if "const" in schema:
        kept["enum"] = [schema["const"]]
    if not defaults or kept.get("default") in ({}, []):
        kept.pop("default", None)
    if kept.get("type") == "integer":
        kept["format"] = "int64"
    if kept.get("format") == "date-time":
        kept |= {"pattern": _MOMENT, "maxLength": 35}
    if "description" in kept:
        kept["description"] = " ".join(kept["description"].split())

    def inner(part: Schema) -> Schema:
        return _structural(part, definitions, defaults=defaults)

    if "properties" in schema:
        kept["properties"] = {name: inner(part) for name, part in schema["properties"].items()}
    elif isinstance(schema.get("additionalProperties"), dict):
        kept |= _mapping(schema, definitions, inner(schema["additionalProperties"]))
    for pattern, value in schema.get("patternProperties", {}).items():
        kept |= _named(pattern, inner(value))
    if "items" in schema:
        kept["items"] = inner(schema["items"])
    return kept


def _mapping(schema: Schema, definitions: dict[str, Schema], value: Schema) -> Schema:
    keys = _resolved(schema.get("propertyNames", {}), definitions).get("enum")
    return {"properties": dict.fromkeys(keys, value)} if keys else {"additionalProperties": value}


def _named(pattern: str, value: Schema) -> Schema:
    """A mapping whose keys match `pattern`; never absent, as in the model."""
    rule = cel_rule(f"self.all(name, name.matches('{pattern}'))", f"a name must match {pattern}")
    return {"additionalProperties": value, "default": {}, **rule}


def _resolved(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """`schema` with its reference followed and its null alternative dropped; its own description wins."""
    alternatives = [part for part in schema.get("anyOf", []) if part.get("type") != "null"]
    if len(alternatives) == 1:
        schema = {**alternatives[0], **{key: value for key, value in schema.items() if key != "anyOf"}}
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
        return _resolved(schema, definitions)
    return schema
