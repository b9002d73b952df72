"""The headers of Standard Webhooks (https://www.standardwebhooks.com): id, timestamp and signature.

A receiver computes HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>` with the shared secret and compares it
with `webhook-signature`.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

_PREFIX = "whsec_"


class Signer:
    """Signs one body, which `update` takes piece by piece, with each of the keys."""

    def __init__(self, keys: Sequence[bytes], webhook_id: str, now: datetime) -> None:
        self._id = webhook_id
        self._timestamp = str(int(now.timestamp()))
        head = f"{webhook_id}.{self._timestamp}.".encode()
        self._macs = [hmac.new(key, head, hashlib.sha256) for key in keys]

    def update(self, piece: bytes) -> None:
        for mac in self._macs:
            mac.update(piece)

    @property
    def headers(self) -> dict[str, str]:
        """Without a signature where there is no key."""
        headers = {"webhook-id": self._id, "webhook-timestamp": self._timestamp}
        if self._macs:
            signatures = (base64.b64encode(mac.digest()).decode() for mac in self._macs)
            headers["webhook-signature"] = " ".join(f"v1,{signature}" for signature in signatures)
        return headers


def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether one of the signatures in `headers`, by lower-case names, is by one of the secret's keys."""
    signed = f"{headers.get('webhook-id', '')}.{headers.get('webhook-timestamp', '')}.".encode() + body
    expected = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in signing_keys(secret)]
    sent = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(f"v1,{one}", other) for one in expected for other in sent)


def new_secret() -> str:
    """In the form that the Standard Webhooks libraries take."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signing_keys(secret: str | None) -> Sequence[bytes]:
    """The keys of CALLBACK_SECRET: of each `whsec_` secret in it, or else of the whole text. Raises ValueError."""
    if not secret:
        return ()
    if not secret.startswith(_PREFIX):
        return (secret.encode(),)
    return [_decoded(part) for part in secret.split()]


def _decoded(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key or not secret.startswith(_PREFIX):
        raise ValueError("CALLBACK_SECRET: what follows whsec_ must be base64, and so of each of several secrets")
    return key
