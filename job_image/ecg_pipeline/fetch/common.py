"""Shared by downloads over HTTP and from S3."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from ecg_common.redact import redact_text
from ecg_common.retry import delay_after
from ecg_contract.errors import ErrorCode, TransientError, UsageError, download_failed

OnBytes = Callable[[int, int | None], None]
"""Called with the bytes downloaded so far and, where known, the total; an exception of it ends the download."""
Log = logging.Logger | logging.LoggerAdapter[Any]

PAUSES_S = (1.0, 4.0, 16.0)
"""After the first, second, third and later failed try."""
_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file that was downloaded."""

    path: Path
    bytes: int
    url: str
    """Without credentials."""


class TryAgainError(Exception):
    """A try failed, another may succeed; the message holds no credential."""

    def __init__(self, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(redact_text(reason)[:300])
        self.retry_after = retry_after or timedelta(0)


def pause_after(error: TryAgainError, number: int, tries: int, size: int, log: Log) -> float:
    """Log the failed try `number` of `tries`; seconds until the next. Raises TransientError when it was the last.

    `size` is the bytes that were downloaded so far.
    """
    log.warning("download_try_failed", extra={"reason": str(error), "try": number, "tries": tries, "bytes": size})
    if number == tries:
        raise given_up(str(error), tries) from None
    return max(delay_after(number, PAUSES_S), min(error.retry_after.total_seconds(), _LONGEST_PAUSE_S))


def refused(reason: str) -> UsageError:
    """For a failure that another try of the same URL cannot change."""
    return UsageError(ErrorCode.DOWNLOAD_ERROR, download_failed(redact_text(reason)))


def given_up(reason: str, tries: int) -> TransientError:
    """For a failure that a later attempt may not meet."""
    suffix = f" ({tries} tries)" if tries > 1 else ""
    return TransientError(ErrorCode.DOWNLOAD_ERROR, download_failed(redact_text(reason) + suffix))


def too_large(size: int, limit: int) -> UsageError:
    return refused(f"larger than this server takes ({size} bytes, at most {limit})")


def check_size(size: int, limit: int, folder: Path) -> None:
    """Raises UsageError, or TransientError where this machine's disk is too small."""
    if size > limit:
        raise too_large(size, limit)
    if size > shutil.disk_usage(folder).free:
        raise given_up(f"no space on this machine's disk for {size} bytes", 1)
