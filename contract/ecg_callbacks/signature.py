"""The headers of Standard Webhooks (https://www.standardwebhooks.com): id, timestamp and signature.

A receiver computes HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>` with the shared secret and compares it
with `webhook-signature`.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

_PREFIX = "whsec_"


class Signer:
    """Signs one body, which `update` takes piece by piece."""

    def __init__(self, key: bytes | None, webhook_id: str, now: datetime) -> None:
        self._id = webhook_id
        self._timestamp = str(int(now.timestamp()))
        self._mac = hmac.new(key, f"{webhook_id}.{self._timestamp}.".encode(), hashlib.sha256) if key else None

    def update(self, piece: bytes) -> None:
        if self._mac is not None:
            self._mac.update(piece)

    @property
    def headers(self) -> dict[str, str]:
        """Without a signature where there is no key."""
        headers = {"webhook-id": self._id, "webhook-timestamp": self._timestamp}
        if self._mac is not None:
            headers["webhook-signature"] = "v1," + base64.b64encode(self._mac.digest()).decode()
        return headers


def signing_key(secret: str | None) -> bytes | None:
    """The key of CALLBACK_SECRET: base64 behind `whsec_`, else the text itself. Raises ValueError."""
    if not secret:
        return None
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("CALLBACK_SECRET: what follows whsec_ must be base64")
    return key
