"""`ecg fake-backend`: a backend that prints each callback, and says what is wrong with it."""

import argparse
import os
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, HTTPServer

from pydantic import ValidationError

from ecg_api.cli.terminal import complain, say
from ecg_callbacks.signature import is_signed
from ecg_contract.stages import Stage
from ecg_contract.wire.models import RESULT_PATH, CallbackPayload

_LONGEST_BODY = 256 * 1024 * 1024


def run(arguments: argparse.Namespace) -> int:
    checked = Checked(os.environ.get("CALLBACK_SECRET"))
    handler = _handler(checked, arguments.fail)
    with HTTPServer(("127.0.0.1", arguments.port), handler) as server:
        complain(f"callbacks to http://127.0.0.1:{server.server_address[1]}{RESULT_PATH} are printed here")
        while not (arguments.once and checked.ended):
            server.handle_request()
    return 1 if checked.faults else 0


class Checked:
    """What came so far, and what was wrong with it."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret
        self._progress: defaultdict[str, int] = defaultdict(int)
        self._seen: dict[str, bytes] = {}
        """Bodies by `webhook-id`."""
        self._final: dict[str, str] = {}
        self.faults: list[str] = []

    @property
    def ended(self) -> bool:
        return bool(self._final)

    def take(self, headers: dict[str, str], body: bytes) -> list[str]:
        """The line to print about a callback, and its faults."""
        try:
            callback = CallbackPayload.model_validate_json(body)
        except ValidationError as error:
            faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5]]
            self.faults += faults
            return ["not a callback", *faults]
        webhook = headers.get("webhook-id", "")
        repeated = self._seen.get(webhook) == body
        faults = [] if repeated else list(self._wrong(callback, webhook))
        if self._secret and not is_signed(headers, body, self._secret):
            faults.append("webhook-signature is not that of CALLBACK_SECRET")
        self._seen[webhook] = body
        self.faults += faults
        text = callback.message or callback.error_message or ""
        words = [callback.status, str(callback.progress) if callback.progress is not None else "", text]
        return [" ".join(filter(None, [*words, "(again)" if repeated else ""])), *faults]

    def _wrong(self, callback: CallbackPayload, webhook: str) -> list[str]:
        faults, job_id = [], callback.job_id
        if self._final.get(job_id) == "failed" and callback.progress == Stage.DOWNLOAD.progress:
            del self._final[job_id], self._progress[job_id]  # the job runs again
        if not webhook:
            faults.append("there is no webhook-id")
        if callback.status == "processing" and job_id in self._final:
            faults.append(f"progress after {self._final[job_id]}")
        if callback.progress is not None and callback.progress <= self._progress[job_id]:
            faults.append(f"progress {callback.progress} after {self._progress[job_id]}")
        if (callback.status == "completed") != (callback.result is not None):
            faults.append("a result comes with completed, and with nothing else")
        if (callback.status == "failed") != (callback.error_code is not None):
            faults.append("an error_code comes with failed, and with nothing else")
        self._progress[job_id] = max(self._progress[job_id], callback.progress or 0)
        if callback.status != "processing":
            self._final[job_id] = callback.status
        return faults


def _handler(checked: Checked, failures: int) -> type[BaseHTTPRequestHandler]:
    left = [failures]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            body = self.rfile.read(int(length)) if length.isdecimal() and int(length) <= _LONGEST_BODY else b""
            if not self.path.endswith(RESULT_PATH):
                self._answer(404)
            elif left[0] > 0:
                left[0] -= 1
                say("answered 503")
                self._answer(503)
            else:
                line, *faults = checked.take({name.lower(): value for name, value in self.headers.items()}, body)
                say(line)
                for fault in faults:
                    say(f"  FAULT: {fault}")
                self._answer(200)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_request(self, *_: object) -> None:
            """Print nothing but the callbacks."""

    return Handler
