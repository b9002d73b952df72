"""Log lines of the running job carry its id, those of libraries too.

One job runs at a time in a process, so its id is the process's; whisperX quotes the transcript in its warnings, and
text stands in results only.
"""

import io
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecg_common.logs import configure_logging

_log = logging.getLogger("ecg_pipeline.output")
_CHATTY = ("lightning.pytorch.utilities.migration.utils", "speechbrain", "matplotlib")
_QUOTING = ("whisperx.alignment", "whisperx.asr")


class JobIdFilter(logging.Filter):
    """Adds the running job's id to every record."""

    job_id: str | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        if self.job_id is not None and not hasattr(record, "job_id"):
            record.job_id = self.job_id
        return True

    @contextmanager
    def running(self, job_id: str) -> Iterator[None]:
        self.job_id = job_id
        try:
            yield
        finally:
            self.job_id = None


class LoggedOutput(io.TextIOBase):
    """What libraries print, and what handlers of their own write to stderr, becomes log lines."""

    def __init__(self) -> None:
        self._thread = threading.local()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not getattr(self._thread, "is_writing", False):  # logging itself complains to stderr
            self._thread.is_writing = True
            try:
                for line in filter(None, map(str.strip, text.splitlines())):
                    _log.info("library_output", extra={"text": line})
            finally:
                self._thread.is_writing = False
        return len(text)


def configure(log_file: Path | None, level: str) -> JobIdFilter:
    """Set logging up as the contract says, libraries included."""
    configure_logging(log_file, level)
    logging.captureWarnings(capture=True)
    job_id = JobIdFilter()
    for handler in logging.getLogger().handlers:
        handler.addFilter(job_id)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=r"\s*torchcodec is not installed")  # samples come from memory
    # A handler keeps whisperX from adding one that prints to stdout.
    whisperx = logging.getLogger("whisperx")
    whisperx.addHandler(logging.NullHandler())
    whisperx.setLevel(logging.WARNING)
    for name in _QUOTING:
        logging.getLogger(name).addFilter(_without_quotes)
    sys.stderr = LoggedOutput()
    return job_id


def _without_quotes(record: logging.LogRecord) -> bool:
    """`Failed to align segment ("..."): backtrack failed` without the segment's text."""
    message = record.getMessage()
    if '("' in message:
        head, _, tail = message.partition('("')
        record.msg, record.args = head + "(...)" + tail[tail.rfind('")') + 2 :], ()
    return True
