"""Compares GPU and CPU, float16 and float32, stages at once and in turn, with less and less of the GPU's memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ecg_pipeline.bench.outputs import Difference, HeardWord, difference, words_of
from ecg_pipeline.bench.pipeline_run import PipelineRun, RunError

CARD_BYTES = 16 * 2**30
"""Memory of a T4 and of the smaller V100."""
LADDER_GB = (12, 8, 6)
Run = Callable[[bool, Mapping[str, str]], PipelineRun]
"""Analyzes the file on the CPU alone or not, with settings. Raises RunError."""


@dataclass(frozen=True)
class Step:
    """A run of the check; `compared_with` names the step whose output its own was compared with."""

    name: str
    settings: Mapping[str, str]
    cpu: bool = False
    compared_with: str | None = None


@dataclass(frozen=True)
class Checked:
    """How a step ended: with a run, or with an error."""

    step: Step
    run: PipelineRun | None = None
    error: str = ""
    difference: Difference | None = None

    @property
    def gpu_bytes(self) -> int:
        """The most that was taken of the GPU's memory at the end of a part."""
        parts = self.run.status.parts.values() if self.run else ()
        return max((usage.gpu_memory_bytes or 0 for usage in parts), default=0)

    def to_json(self) -> dict[str, Any]:
        ended = {"wall_seconds": self.run.cost.wall, "notes": list(self.run.status.notes)} if self.run else {}
        return {
            "step": self.step.name,
            "error": self.error or None,
            **ended,
            "gpu_memory_bytes": self.gpu_bytes,
            "compared_with": self.step.compared_with,
            "difference": self.difference.__dict__ if self.difference else None,
        }


STEPS = (
    Step("CPU, float32", {"ASR_COMPUTE_TYPE": "float32"}, cpu=True),
    Step("GPU, float32", {"ASR_COMPUTE_TYPE": "float32"}, compared_with="CPU, float32"),
    Step("GPU, float16", {"ASR_COMPUTE_TYPE": "float16"}, compared_with="GPU, float32"),
    Step(
        "GPU, float16, in turn",
        {"ASR_COMPUTE_TYPE": "float16", "GPU_SIDE_BY_SIDE": "false"},
        compared_with="GPU, float16",
    ),
    *(
        Step(
            f"GPU, float16, {size} GB",
            {"ASR_COMPUTE_TYPE": "float16", "GPU_MEMORY_LIMIT_GB": str(size)},
            compared_with="GPU, float16",
        )
        for size in LADDER_GB
    ),
)


def check(run: Run, on_checked: Callable[[Checked], None]) -> list[Checked]:
    """Every step, also after one that failed; `on_checked` is told of each as it ends."""
    outputs: dict[str, list[HeardWord]] = {}
    found = []
    for step in STEPS:
        found.append(_checked(step, run, outputs))
        on_checked(found[-1])
    return found


def _checked(step: Step, run: Run, outputs: dict[str, list[HeardWord]]) -> Checked:
    try:
        done = run(step.cpu, step.settings)
    except RunError as error:
        return Checked(step, error=str(error))
    outputs[step.name] = list(words_of(done.result))
    before = outputs.get(step.compared_with or "")
    return Checked(step, done, difference=difference(before, outputs[step.name]) if before is not None else None)
