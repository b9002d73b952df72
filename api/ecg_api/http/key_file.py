"""The file of API keys: a line for each, with the key's digest and its limit.

    # name   digest of the key   limits
    backend  sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae  queued_jobs=50

The limits are `requests_per_minute=N` and `queued_jobs=N`, in this order. A key has 256 random bits, so that a plain
digest of it cannot be guessed.
"""

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "ecg_"
_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9]([A-Za-z0-9_.-]{0,38}[A-Za-z0-9])?)\s+sha256:(?P<digest>[0-9a-f]{64})"
    r"(?:\s+requests_per_minute=(?P<requests_per_minute>[1-9]\d{0,5}))?"
    r"(?:\s+queued_jobs=(?P<queued_jobs>[1-9]\d{0,5}))?"
)
LIMITS = ("requests_per_minute", "queued_jobs")
_log = logging.getLogger(__name__)


class KeyFileError(ValueError):
    """The file cannot be read, or a line of it is none; the message says which."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key's name, which is a valid label in Kubernetes, and its limits; `digest` is the SHA-256 of the key in
    hexadecimal digits."""

    name: str
    digest: str
    requests_per_minute: int | None = None
    queued_jobs: int | None = None

    def to_line(self) -> str:
        limits = [f"{name}={getattr(self, name)}" for name in LIMITS if getattr(self, name) is not None]
        return "  ".join([self.name, f"sha256:{self.digest}", *limits])


def new_key(name: str, **limits: int | None) -> tuple[str, ApiKey]:
    """A key, and what the file has of it. Raises KeyFileError for a name that is none."""
    key = _PREFIX + secrets.token_urlsafe(32)
    (made,) = parse_keys(ApiKey(name, digest_of(key), **limits).to_line())
    return key, made


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def parse_keys(text: str) -> Sequence[ApiKey]:
    """The keys of a file. Raises KeyFileError."""
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        found = _LINE.fullmatch(content)
        if found is None:
            form = "NAME sha256:DIGEST [requests_per_minute=N] [queued_jobs=N]"
            raise KeyFileError(f"line {number} is not `{form}`: make it by `ecg key`")
        limits = {name: int(found[name]) for name in LIMITS if found[name]}
        keys.append(ApiKey(found["name"], found["digest"], **limits))
    if len({key.name for key in keys}) < len(keys):
        raise KeyFileError("a name stands in it twice")
    return keys


class KeyFile:
    """The keys of a file, which is read again when it changes; the last good ones hold while it is malformed."""

    def __init__(self, path: Path) -> None:
        """Raises KeyFileError, also for a file without keys."""
        self._path = path
        self._seen = self._version()
        self._keys = self._read()

    def find(self, key: str) -> ApiKey | None:
        """Compares with every key, so that the time says nothing."""
        self._refresh()
        digest = digest_of(key)
        matching = [known for known in self._keys if hmac.compare_digest(known.digest, digest)]
        return matching[0] if matching else None

    def _refresh(self) -> None:
        version = self._version()
        if version == self._seen:
            return
        self._seen = version
        try:
            self._keys = self._read()
        except KeyFileError as error:
            _log.error("api_keys_not_read", extra={"reason": str(error), "keys": [key.name for key in self._keys]})
        else:
            _log.info("api_keys_read", extra={"keys": [key.name for key in self._keys]})

    def _read(self) -> Sequence[ApiKey]:
        try:
            keys = parse_keys(self._path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise KeyFileError(f"API_KEYS_FILE {self._path} cannot be read: {error}") from None
        except KeyFileError as error:
            raise KeyFileError(f"API_KEYS_FILE {self._path}: {error}") from None
        if not keys:
            raise KeyFileError(f"API_KEYS_FILE {self._path} has no keys: add one by `ecg key NAME`")
        return keys

    def _version(self) -> tuple[int, int, int] | None:
        """Another one after a change, also of the link that a mounted Secret is; None where there is no file."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size
