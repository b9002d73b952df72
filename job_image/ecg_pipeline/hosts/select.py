"""Selects where a process reports to and stores its result: the standalone host, or the API server in a pod."""

import os
import sys
from collections.abc import Callable
from typing import BinaryIO

from ecg_contract.errors import ExitCode
from ecg_contract.videojob.pod_task import PodTask
from ecg_pipeline.hosts.pod.settings import PodSettings
from ecg_pipeline.hosts.standalone.file_sink import FileSink
from ecg_pipeline.hosts.standalone.line_reporter import LineReporter
from ecg_pipeline.ports import Reporter, ResultSink


def beside_a_host(stdout: BinaryIO) -> tuple[LineReporter, ResultSink]:
    return LineReporter(stdout), FileSink()


class PodHost:
    """The API server, seen from a pod."""

    def __init__(self, pod: PodSettings, clean_up: Callable[[], None]) -> None:
        """Raises kubernetes.config.ConfigException outside a cluster."""
        from ecg_cluster.pod_client import ApiServer  # noqa: PLC0415 - most of a second, for pods alone

        self._server, self._pod, self._clean_up = ApiServer(pod.pod_namespace), pod, clean_up

    def ports(self, task: PodTask) -> tuple[Reporter, ResultSink]:
        """Where the pod reports to for this task, and where it stores the result."""
        from ecg_pipeline.hosts.pod.config_map_sink import ConfigMapSink  # noqa: PLC0415 - for pods alone
        from ecg_pipeline.hosts.pod.presigned_sink import PresignedSink  # noqa: PLC0415 - as above
        from ecg_pipeline.hosts.pod.status_reporter import ClusterReporter  # noqa: PLC0415 - as above

        reporter = ClusterReporter(self._server, self._pod, task, self._stop)
        if task.result_location is not None and self._pod.result_url_file is not None:
            return reporter, PresignedSink(task.result_location, self._pod.result_url_file, self._pod.report_patience_s)
        return reporter, ConfigMapSink(self._server, self._pod, task, self._stop)

    def _stop(self) -> None:
        self._clean_up()
        sys.stderr.flush()
        os._exit(ExitCode.FENCED)
