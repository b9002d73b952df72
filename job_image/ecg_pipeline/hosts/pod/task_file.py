"""The file with a pod's task: the downward API's copy of an annotation, empty until a standby pod is given one."""

from pathlib import Path

from watchfiles import watch

from ecg_contract.videojob.pod_task import PodTask

_LOOK_AGAIN_MS = 1000
"""A change just before the watch began is seen after this time."""


def read_task(file: Path) -> PodTask | None:
    """None while the file is empty. Raises OSError, and pydantic.ValidationError for what is no task."""
    content = file.read_bytes()
    return PodTask.model_validate_json(content) if content.strip() else None


def wait_for_task(file: Path) -> PodTask:
    """Returns as soon as the file has a task. Raises as `read_task`.

    The kubelet replaces the files of a volume by renaming a link beside them: the folder is watched.
    """
    changes = watch(
        file.parent,
        watch_filter=None,
        debounce=1,
        step=1,
        rust_timeout=_LOOK_AGAIN_MS,
        yield_on_timeout=True,
        recursive=False,
        raise_interrupt=False,
    )
    for _ in changes:
        if (task := read_task(file)) is not None:
            return task
    raise AssertionError("a watch without a stop event has no end")
