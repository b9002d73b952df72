"""The process of a pod: it runs the one task that it is given, at once or after it has stood by for it."""

import logging
import queue
from collections.abc import Callable, Sequence
from pathlib import Path

from ecg_contract.errors import ExitCode
from ecg_contract.videojob.pod_task import PodTask
from ecg_pipeline.analysis.eager_models import EagerModels
from ecg_pipeline.analysis.model_cache import ModelCache
from ecg_pipeline.hosts.pod.settings import PodSettings
from ecg_pipeline.hosts.pod.task_file import wait_for_task
from ecg_pipeline.hosts.select import PodHost
from ecg_pipeline.ports import Engines
from ecg_pipeline.process.job_runner import JobRunner
from ecg_pipeline.process.logs import JobFields
from ecg_pipeline.settings import PipelineSettings

_log = logging.getLogger(__name__)


class PodProcess:
    """Reports to the API server; its models are loaded once."""

    def __init__(
        self,
        settings: PipelineSettings,
        engines: Engines,
        pod: PodSettings,
        job_fields: JobFields,
        clean_up: Callable[[], None],
    ) -> None:
        """`clean_up` is called before the process ends because its attempt is no longer the current one."""
        self._settings, self._engines, self._pod, self._job_fields = settings, engines, pod, job_fields
        self._models = ModelCache(for_one_job=True)
        self._clean_up = clean_up

    def run(self, task: PodTask) -> int:
        """Returns the exit code."""
        return self._run(PodHost(self._pod, self._clean_up), task)

    def stand_by(self, file: Path) -> int:
        """Load the models, say that the pod is ready, and run the task that `file` will have. Returns the exit code."""
        host = PodHost(self._pod, self._clean_up)
        if missing := self._load():
            _log.error("standby_models_missing", extra={"reasons": list(missing)})
            return int(ExitCode.MODEL_LOADING)
        if self._pod.standby_ready_file is not None:
            self._pod.standby_ready_file.touch()
        _log.info("standby_ready")
        return self._run(host, wait_for_task(file))

    def _run(self, host: PodHost, task: PodTask) -> int:
        reporter, sink = host.ports(task)
        return JobRunner(self._settings, self._engines, reporter, sink, self._job_fields, models=self._models).run(
            task.job
        )

    def _load(self) -> Sequence[str]:
        """Returns the reasons why models are missing."""
        reports: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()
        EagerModels(self._engines, self._settings, self._models, reports.put).load()
        return reports.get()
