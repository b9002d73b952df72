"""A change of one line that breaks a promise, and the tests that are expected to notice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutation:
    promise: int
    file: str
    old: str
    """Stands in the file exactly once."""
    new: str
    tests: str
    """Arguments of pytest, all of them part of `make test`."""
