"""The status of one attempt, reported whenever a stage changes and at least once per heartbeat interval."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ecg_common.clock import utc_now
from ecg_contract.host_protocol import (
    Part,
    PartUsage,
    PipelineError,
    PipelineJob,
    PipelineStatus,
    ResultReference,
    StageTimes,
)
from ecg_contract.stages import Stage
from ecg_pipeline.ports import ModelDownload, Reporter

_STAGES = tuple(Stage)
_DOWNLOADING = "비디오 다운로드 중..."
_TICK_S = 0.5


class ProgressReporter:
    """Holds the status and reports it; safe to use from several threads. Stages only go forward."""

    def __init__(self, job: PipelineJob, reporter: Reporter, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._job_id, self._reporter, self._monotonic = job.job_id, reporter, monotonic
        self._lock = threading.RLock()
        self._status = PipelineStatus(attempt=job.attempt, message=_DOWNLOADING)
        self._reported_at = float("-inf")
        self._unreported = False
        self._stage_message = _DOWNLOADING

    @property
    def status(self) -> PipelineStatus:
        with self._lock:
            return self._status

    def enter(self, stage: Stage) -> None:
        """Begin `stage`; earlier stages without an end end now."""
        with self._lock:
            now, stages = utc_now(), dict(self._status.stages)
            for earlier in _STAGES[: _STAGES.index(stage)]:
                times = stages.get(earlier) or StageTimes(start_time=now)
                stages[earlier] = times.model_copy(update={"completion_time": times.completion_time or now})
            stages[stage] = StageTimes(start_time=now)
            progress = max(self._status.progress, _progress_range(stage)[0])
            self._stage_message = _DOWNLOADING if stage is Stage.DOWNLOAD else stage.message
            self._report(stages=stages, stage=stage, progress=progress, message=self._stage_message)

    def complete_download(self, duration_s: float) -> None:
        """`duration_s` is the length of the media."""
        with self._lock:
            times = self._status.stages[Stage.DOWNLOAD].model_copy(update={"completion_time": utc_now()})
            stages = {**self._status.stages, Stage.DOWNLOAD: times}
            progress, self._stage_message = float(Stage.DOWNLOAD.progress), Stage.DOWNLOAD.message
            message = self._stage_message
            self._report(stages=stages, duration=round(duration_s, 3), progress=progress, message=message)

    def advance(self, stage: Stage, fraction: float) -> None:
        """Record that `fraction` of `stage` is done; ignored unless `stage` is the current one."""
        with self._lock:
            if stage is not self._status.stage:
                return
            first, last = _progress_range(stage)
            progress = first + (last - first) * min(max(fraction, 0.0), 1.0)
            if progress > self._status.progress:
                self._update(progress=round(progress, 1))

    def model_download(self, download: ModelDownload) -> None:
        """Have the message say how far the download is, and the stage's message again when it is over."""
        with self._lock:
            message = self._stage_message if download.is_over else _download_message(download)
            self._update(message=message)

    def part_completed(self, part: Part, usage: PartUsage) -> None:
        with self._lock:
            self._update(parts={**self._status.parts, part: usage})

    def note(self, text: str) -> None:
        with self._lock:
            self._report(notes=(*self._status.notes, text))

    def complete(self, result: ResultReference) -> PipelineStatus:
        with self._lock:
            self._update(result=result)
            self.enter(Stage.COMPLETED)
            return self._status

    def fail(self, error: PipelineError) -> PipelineStatus:
        with self._lock:
            self._update(error=error)
            return self._status

    @contextmanager
    def heartbeats(self, heartbeat_s: float, progress_s: float) -> Iterator[None]:
        """While the context is open, a thread calls `report_if_due`."""
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(min(_TICK_S, progress_s, heartbeat_s / 2)):
                try:
                    self.report_if_due(heartbeat_s, progress_s)
                except Exception:  # the next heartbeat may succeed
                    logging.getLogger(__name__).exception("heartbeat_failed")

        thread = threading.Thread(target=run, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def report_if_due(self, heartbeat_s: float, progress_s: float) -> None:
        """Report a change when the last report is `progress_s` old, and in any case when it is `heartbeat_s` old."""
        with self._lock:
            age = self._monotonic() - self._reported_at
            if age >= heartbeat_s - _TICK_S or (self._unreported and age >= progress_s):
                self._report()

    def _update(self, **changes: object) -> None:
        self._status = self._status.model_copy(update=changes)
        self._unreported = True

    def _report(self, **changes: object) -> None:
        self._update(**changes, heartbeat_time=utc_now())
        self._reported_at, self._unreported = self._monotonic(), False
        self._reporter.report(self._job_id, self._status)


def _download_message(download: ModelDownload) -> str:
    done, total = download.bytes / 1e6, download.total_bytes / 1e6
    size = f"{download.bytes / download.total_bytes:.0%} ({done:.0f}/{total:.0f} MB)" if total else f"{done:.0f} MB"
    return f"모델 다운로드 중: {download.model} {size}"


def _progress_range(stage: Stage) -> tuple[float, float]:
    """The percentages at which a stage begins and ends; the specification's for the download is that of its end."""
    if stage is Stage.DOWNLOAD:
        return 0.0, float(stage.progress)
    following = _STAGES[min(_STAGES.index(stage) + 1, len(_STAGES) - 1)]
    return float(stage.progress), float(following.progress)
