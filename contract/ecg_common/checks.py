"""Findings of `ecg doctor`, and their JSON line between processes."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self


class Grade(StrEnum):
    OK = "OK"
    WARN = "WARN"
    """It works, with reduced quality or speed."""
    FAIL = "FAIL"
    """Jobs will fail."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check, with advice where something should be done."""

    grade: Grade
    name: str
    found: str
    advice: str = ""

    @classmethod
    def ok(cls, name: str, found: str) -> Self:
        return cls(Grade.OK, name, found)

    @classmethod
    def warn(cls, name: str, found: str, advice: str) -> Self:
        return cls(Grade.WARN, name, found, advice)

    @classmethod
    def fail(cls, name: str, found: str, advice: str) -> Self:
        return cls(Grade.FAIL, name, found, advice)

    @classmethod
    def of_json(cls, line: Mapping[str, Any]) -> Self:
        return cls(Grade(line["grade"]), line["name"], line["found"], line["advice"])

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)
