"""Selects where a process reports to and stores its result: the standalone host, or the API server in a pod."""

import os
import sys
from collections.abc import Callable
from typing import BinaryIO

from ecg_contract.errors import ExitCode
from ecg_pipeline.hosts.pod.settings import PodSettings
from ecg_pipeline.hosts.standalone.file_sink import FileSink
from ecg_pipeline.hosts.standalone.line_reporter import LineReporter
from ecg_pipeline.ports import Reporter, ResultSink


def beside_a_host(stdout: BinaryIO) -> tuple[LineReporter, ResultSink]:
    return LineReporter(stdout), FileSink()


def in_a_pod(pod: PodSettings, clean_up: Callable[[], None]) -> tuple[Reporter, ResultSink]:
    """Raises kubernetes.config.ConfigException outside a cluster."""
    from ecg_cluster.pod_client import ApiServer  # noqa: PLC0415 - most of a second, for pods alone
    from ecg_pipeline.hosts.pod.config_map_sink import ConfigMapSink  # noqa: PLC0415 - as above
    from ecg_pipeline.hosts.pod.presigned_sink import PresignedSink  # noqa: PLC0415 - as above
    from ecg_pipeline.hosts.pod.status_reporter import ClusterReporter  # noqa: PLC0415 - as above

    def stop() -> None:
        clean_up()
        sys.stderr.flush()
        os._exit(ExitCode.FENCED)

    server = ApiServer(pod.pod_namespace)
    reporter = ClusterReporter(server, pod, stop)
    if pod.result_location is not None and pod.result_url_file is not None:
        return reporter, PresignedSink(pod.result_location, pod.result_url_file, pod.report_patience_s)
    return reporter, ConfigMapSink(server, pod, stop)
