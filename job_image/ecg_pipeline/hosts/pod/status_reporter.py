"""Reports to the API server: the pod's own `status.pipeline`, replaced whole each time.

A thread of its own sends the newest report; one that could not be sent yet is replaced by the next, for every report
tells all. The analysis never waits for the API server, but at its end.
"""

import logging
import threading
import time
from collections.abc import Callable

from ecg_cluster.pod_client import Answer, ApiServer
from ecg_contract.host_protocol import PipelineStatus
from ecg_contract.videojob.resource import PodReport
from ecg_pipeline.hosts.pod.retry import Verdict, pause_s, verdict
from ecg_pipeline.hosts.pod.settings import PodSettings

_TEXT = 300
_log = logging.getLogger(__name__)


class ClusterReporter:
    """`stop` is called, and does not return, when this attempt is not the current one any more."""

    def __init__(self, server: ApiServer, pod: PodSettings, stop: Callable[[], None]) -> None:
        self._server, self._pod, self._stop = server, pod, stop
        self._changed = threading.Condition()
        self._newest: PipelineStatus | None = None
        self._sending = False
        self._is_over = False
        """The job's end was taken: what follows would be refused, and says nothing new."""
        threading.Thread(target=self._run, name="reporter", daemon=True).start()

    def report(self, job_id: str, status: PipelineStatus) -> None:
        with self._changed:
            self._newest = status
            self._changed.notify_all()

    def finished(self, job_id: str, status: PipelineStatus, exit_code: int) -> None:
        """Returns when the last report was taken, or when patience is over."""
        if status.error is not None:
            self._leave_last_words(status)
        self.report(job_id, status)
        with self._changed:
            sent = self._changed.wait_for(self._is_idle, self._pod.report_patience_s)
        if not sent:
            _log.error("last_report_not_taken", extra={"patience_s": self._pod.report_patience_s})

    def _is_idle(self) -> bool:
        return self._newest is None and not self._sending

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest is not None)
                status, self._newest, self._sending = self._newest, None, True
            assert status is not None
            if not self._is_over:
                self._send(status)
            with self._changed:
                self._sending = False
                self._changed.notify_all()

    def _send(self, status: PipelineStatus) -> None:
        """Until it is taken, or a newer one is there in its place."""
        tries = 0
        while True:
            answer = self._server.replace_pipeline_status(self._pod.videojob_name, self._body(status))
            found = verdict(answer)
            if found is not Verdict.LATER:
                self._is_over = found is Verdict.ACCEPTED and _ends(status)
                return self._ended(found, answer)
            if tries == 0:
                _log.warning("report_delayed", extra={"status": answer.status, "answer": answer.text[:_TEXT]})
            self._wait(pause_s(tries, answer))
            tries += 1
            with self._changed:
                if self._newest is not None:
                    status, self._newest = self._newest, None

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def _ended(self, found: Verdict, answer: Answer) -> None:
        if found is Verdict.STOP:
            _log.warning("attempt_fenced", extra={"status": answer.status, "answer": answer.text[:_TEXT]})
            self._stop()
        if found is Verdict.WRONG:
            _log.error("report_refused", extra={"status": answer.status, "answer": answer.text[:_TEXT]})

    def _body(self, status: PipelineStatus) -> dict[str, object]:
        report = PodReport(**dict(status), pod_uid=self._pod.pod_uid)
        return report.model_dump(mode="json", by_alias=True, exclude_none=True)

    def _leave_last_words(self, status: PipelineStatus) -> None:
        """For an operator whom the report does not reach."""
        assert status.error is not None
        try:
            self._pod.termination_log.write_text(status.error.to_json(), encoding="utf-8")
        except OSError as error:
            _log.info("no_termination_log", extra={"error": type(error).__name__})


def _ends(status: PipelineStatus) -> bool:
    return status.result is not None or status.error is not None
