"""The file with a pod's task: the downward API's copy of an annotation, empty until a standby pod is given one."""

from pathlib import Path

from ecg_contract.videojob.pod_task import PodTask
from ecg_pipeline.awaited_file import content_of


def read_task(file: Path) -> PodTask | None:
    """None while the file is empty. Raises OSError, and pydantic.ValidationError for what is no task."""
    content = file.read_bytes()
    return PodTask.model_validate_json(content) if content.strip() else None


def wait_for_task(file: Path) -> PodTask:
    """Returns as soon as the file has a task. Raises as `read_task`."""
    content = content_of(file)
    assert content is not None, "it waits without a limit"
    return PodTask.model_validate_json(content)
