"""The caller's trace (W3C Trace Context): its `traceparent` goes with a job, unchanged, to log lines and callbacks."""

import re

TRACEPARENT = r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
"""Version, trace id, id of the caller's span, flags."""
_ANY_VERSION = re.compile(r"(?!ff)[0-9a-f]{2}(-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-.*)?")


def traceparent_of(header: str | None) -> str | None:
    """The header in the form of version 00; None for one that is malformed, which the standard has ignored."""
    found = _ANY_VERSION.fullmatch(header.strip()) if header else None
    if found is None or (found[0].startswith("00") and found[2]):
        return None
    return f"00{found[1]}"
