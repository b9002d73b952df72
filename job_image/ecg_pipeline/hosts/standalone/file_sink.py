"""Stores the result in a file of the host's data folder."""

import os
from pathlib import Path

from ecg_contract.host_protocol import PipelineJob


class FileSink:
    """Writes `result_path` atomically and durably."""

    def store(self, job: PipelineJob, data: bytes) -> str:
        target = job.result_path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        _sync_folder(target.parent)
        return str(target)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
