"""One warm pipeline process with the demo models for all tests that need one."""

from collections.abc import Iterator

import pytest

from support.pipeline_process import PipelineProcess, demo_environment


@pytest.fixture(scope="session")
def pipeline() -> Iterator[PipelineProcess]:
    process = PipelineProcess(demo_environment(HEARTBEAT_SECONDS="2", PROGRESS_SECONDS="0.5"))
    yield process
    process.close()
