"""Reports to the API server by replacing the VideoJob's `status.pipeline`.

A thread sends the newest report; a newer one replaces a report that could not be sent yet, since each report is
complete. The analysis waits for the API server only at its end.
"""

import logging
import threading
import time
from collections.abc import Callable

from ecg_cluster.pod_client import Answer, ApiServer
from ecg_contract.host_protocol import PipelineStatus
from ecg_contract.videojob.pod_task import PodTask
from ecg_contract.videojob.resource import PodReport
from ecg_pipeline.hosts.pod.retry import Verdict, pause_s, verdict
from ecg_pipeline.hosts.pod.settings import PodSettings

_LOGGED_CHARACTERS = 300
_FAILURE_PAUSE_S = 5.0
_log = logging.getLogger(__name__)


class ClusterReporter:
    """`stop` is called, and does not return, when this attempt is no longer the current one."""

    def __init__(self, server: ApiServer, pod: PodSettings, task: PodTask, stop: Callable[[], None]) -> None:
        self._server, self._pod, self._stop = server, pod, stop
        self._videojob = task.videojob_name
        self._changed = threading.Condition()
        self._newest: PipelineStatus | None = None
        self._sending = False
        self._has_ended = False
        """The final report was accepted; the API server would refuse further ones."""
        threading.Thread(target=self._run, name="reporter", daemon=True).start()

    def report(self, job_id: str, status: PipelineStatus) -> None:
        with self._changed:
            self._newest = status
            self._changed.notify_all()

    def finished(self, job_id: str, status: PipelineStatus, exit_code: int) -> None:
        """Returns when the last report was accepted, or after `report_patience_s`."""
        if status.error is not None:
            self._write_termination_message(status)
        self.report(job_id, status)
        with self._changed:
            sent = self._changed.wait_for(self._is_idle, self._pod.report_patience_s)
        if not sent:
            _log.error("last_report_not_accepted", extra={"patience_s": self._pod.report_patience_s})

    def _is_idle(self) -> bool:
        return self._newest is None and not self._sending

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest is not None)
                status, self._newest, self._sending = self._newest, None, True
            assert status is not None
            failed = self._tried(status)
            with self._changed:
                self._newest = self._newest or failed
                self._sending = False
                self._changed.notify_all()

    def _tried(self, status: PipelineStatus) -> PipelineStatus | None:
        """Send a report; returns it where that failed for an unforeseen reason, to be tried again after a pause."""
        if self._has_ended:
            return None
        try:
            self._send(status)
        except Exception:  # without this thread the pod would fall silent, and be replaced
            _log.exception("report_failed")
            self._wait(_FAILURE_PAUSE_S)
            return status
        return None

    def _send(self, status: PipelineStatus) -> None:
        """Send until a report is accepted or refused; a newer report takes the place of the current one."""
        tries = 0
        while True:
            answer = self._server.replace_pipeline_status(self._videojob, self._body(status))
            found = verdict(answer)
            if found is not Verdict.LATER:
                self._has_ended = found is Verdict.ACCEPTED and _is_final(status)
                return self._handle(found, answer)
            if tries == 0:
                _log.warning("report_delayed", extra=_logged(answer))
            self._wait(pause_s(tries, answer))
            tries += 1
            with self._changed:
                if self._newest is not None:
                    status, self._newest = self._newest, None

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def _handle(self, found: Verdict, answer: Answer) -> None:
        if found is Verdict.STOP:
            _log.warning("attempt_fenced", extra=_logged(answer))
            self._stop()
        if found is Verdict.WRONG:
            _log.error("report_refused", extra=_logged(answer))

    def _body(self, status: PipelineStatus) -> dict[str, object]:
        report = PodReport(**dict(status), pod_uid=self._pod.pod_uid)
        return report.model_dump(mode="json", by_alias=True, exclude_none=True)

    def _write_termination_message(self, status: PipelineStatus) -> None:
        """Write the error where the operator finds it if the report is lost."""
        assert status.error is not None
        try:
            self._pod.termination_log.write_text(status.error.to_json(), encoding="utf-8")
        except OSError as error:
            _log.info("termination_message_not_written", extra={"error": type(error).__name__})


def _logged(answer: Answer) -> dict[str, object]:
    return {"status": answer.status, "answer": answer.text[:_LOGGED_CHARACTERS]}


def _is_final(status: PipelineStatus) -> bool:
    return status.result is not None or status.error is not None
