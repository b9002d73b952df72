"""Logging of the pipeline process: JSON lines that carry the running job's id, those of libraries too.

A process runs one job at a time, so the fields are global. The transcript belongs in results only, so it is removed
from whisperX's warnings, which quote it.
"""

import io
import logging
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from ecg_common.logs import configure_logging, trace_fields
from ecg_contract.host_protocol import PipelineJob

_log = logging.getLogger("ecg_pipeline.output")
_CHATTY = ("lightning.pytorch.utilities.migration.utils", "speechbrain", "matplotlib")
_QUOTING = ("whisperx.alignment", "whisperx.asr")
_QUOTE = re.compile(r'\(".*"\)', re.DOTALL)


class JobFields(logging.Filter):
    """Adds the running job's fields to every record: its id, and that of its caller's trace."""

    _fields: Mapping[str, str] = MappingProxyType({})

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in self._fields.items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True

    @contextmanager
    def running(self, job: PipelineJob) -> Iterator[None]:
        self._fields = {"job_id": job.job_id, **trace_fields(job.traceparent)}
        try:
            yield
        finally:
            self._fields = {}


class LoggedOutput(io.TextIOBase):
    """A stream that logs what libraries print, or write to stderr with handlers of their own."""

    def __init__(self) -> None:
        self._thread = threading.local()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not getattr(self._thread, "is_writing", False):  # logging reports its own errors to stderr
            self._thread.is_writing = True
            try:
                for line in filter(None, map(str.strip, text.splitlines())):
                    _log.info("library_output", extra={"text": line})
            finally:
                self._thread.is_writing = False
        return len(text)


def configure(log_file: Path | None, level: str) -> JobFields:
    """Set up logging, libraries included. Returns the filter that adds the job's fields."""
    configure_logging(log_file, level)
    logging.captureWarnings(capture=True)
    job_fields = JobFields()
    for handler in logging.getLogger().handlers:
        handler.addFilter(job_fields)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # whisperX adds a handler that prints to stdout unless there is one.
    whisperx = logging.getLogger("whisperx")
    whisperx.addHandler(logging.NullHandler())
    whisperx.setLevel(logging.WARNING)
    for name in _QUOTING:
        logging.getLogger(name).addFilter(_without_quotes)
    sys.stderr = LoggedOutput()
    return job_fields


def _without_quotes(record: logging.LogRecord) -> bool:
    """`Failed to align segment ("..."): backtrack failed` without the segment's text."""
    record.msg, record.args = _QUOTE.sub("(...)", record.getMessage()), ()
    return True
