"""Which `traceparent` headers are taken, as W3C Trace Context has it."""

import pytest

from ecg_common.logs import trace_fields
from ecg_contract.tracing import traceparent_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TAKEN = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize("header", [TAKEN, f" {TAKEN} ", f"01-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what-comes"])
def test_a_trace_of_any_version_is_taken(header: str) -> None:
    assert traceparent_of(header) == TAKEN
    assert trace_fields(TAKEN) == {"trace_id": TRACE}


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        TRACE,
        TAKEN.upper(),
        f"{TAKEN}-more",
        f"{TAKEN}\n",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-0",
    ],
)
def test_what_is_malformed_is_ignored(header: str | None) -> None:
    if header == f"{TAKEN}\n":  # white space around a header's value is none of it
        assert traceparent_of(header) == TAKEN
        return
    assert traceparent_of(header) is None
    assert trace_fields(None) == {}
