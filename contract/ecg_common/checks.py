"""Findings of `ecg doctor`, and their JSON line between processes."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
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


LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Check:
    """What is looked at, and how; without a limit in seconds where the machine works and waits for nobody."""

    name: str
    run: Callable[[], Iterable[Finding]]
    limit_s: float | None = LIMIT_S


def findings_of(checks: Iterable[Check], begun: Callable[[str], None]) -> Iterator[Finding]:
    """The findings of each check in turn; `begun` is called with its name before."""
    for check in checks:
        begun(check.name)
        yield from check.run() if check.limit_s is None else _within(check, check.limit_s)


def _within(check: Check, limit_s: float) -> list[Finding]:
    """What was found in time, and that the rest did not answer. Raises what the check raises."""
    found: list[Finding] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            found.extend(check.run())
        except BaseException as error:
            errors.append(error)

    worker = threading.Thread(target=run, name=check.name, daemon=True)
    worker.start()
    worker.join(limit_s)
    if errors:
        raise errors[0]
    if worker.is_alive():
        advice = "check the network, DNS, the proxy and the firewall"
        return [*found, Finding.fail(check.name, f"no answer within {limit_s:g} s", advice)]
    return found
