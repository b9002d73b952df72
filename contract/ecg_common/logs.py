"""Logs as JSON lines to stderr and optionally to a file.

A record's message is the name of an event (`audio_extraction_failed`); details are `extra` fields, among them the
`job_id` of a job's lines and the `trace_id` of its caller's trace.
"""

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_NOISY = ("httpx", "httpcore", "botocore", "boto3", "urllib3", "s3transfer", "numba", "faster_whisper")
"""Libraries that log whole URLs, query strings included, or a line per chunk at INFO."""


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON; values that JSON does not know are written as their repr."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        line.update({k: v for k, v in record.__dict__.items() if k not in _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=repr)


class JobLogger(logging.LoggerAdapter[logging.Logger]):
    """Adds its own fields, such as `job_id`, to every line."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        fields: Mapping[str, object] = self.extra or {}
        kwargs["extra"] = {**fields, **(kwargs.get("extra") or {})}
        return msg, kwargs


def job_logger(name: str, job_id: str, traceparent: str | None = None, **details: object) -> JobLogger:
    return JobLogger(logging.getLogger(name), {"job_id": job_id, **trace_fields(traceparent), **details})


def trace_fields(traceparent: str | None) -> dict[str, str]:
    """The field of a log line that belongs to a trace, `trace_id`; empty without one."""
    return {"trace_id": traceparent.split("-")[1]} if traceparent else {}


def configure_logging(log_file: Path | None = None, level: str = "INFO") -> None:
    """Send all logging to stderr, and to `log_file` where given, as JSON lines. Replaces the previous configuration."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if log_file is not None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(log_file, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=handlers, force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
