"""Where a process reports to and stores its result: lines and a file beside a host, the API server in a pod."""

import os
import sys
from collections.abc import Callable
from typing import BinaryIO

from ecg_contract.errors import ExitCode
from ecg_pipeline.ports import Reporter, ResultSink
from ecg_pipeline.reporters.lines import LineReporter
from ecg_pipeline.settings_pod import PodSettings
from ecg_pipeline.sinks.file import FileSink


def beside_a_host(stdout: BinaryIO) -> tuple[LineReporter, ResultSink]:
    return LineReporter(stdout), FileSink()


def in_a_pod(pod: PodSettings, clean_up: Callable[[], None]) -> tuple[Reporter, ResultSink]:
    """Raises kubernetes.config.ConfigException outside a cluster."""
    from ecg_pipeline.api_server import ApiServer  # noqa: PLC0415 - most of a second, for pods alone
    from ecg_pipeline.reporters.cluster import ClusterReporter  # noqa: PLC0415 - as above
    from ecg_pipeline.sinks.config_maps import ConfigMapSink  # noqa: PLC0415 - as above
    from ecg_pipeline.sinks.presigned import PresignedSink  # noqa: PLC0415 - as above

    def stop() -> None:
        clean_up()
        sys.stderr.flush()
        os._exit(ExitCode.FENCED)

    server = ApiServer(pod.pod_namespace)
    reporter = ClusterReporter(server, pod, stop)
    if pod.result_location is not None and pod.result_url_file is not None:
        return reporter, PresignedSink(pod.result_location, pod.result_url_file, pod.report_patience_s)
    return reporter, ConfigMapSink(server, pod, stop)
