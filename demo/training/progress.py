"""Prints the progress of a training run: step, smoothed loss, CPU time."""

import time


class Progress:
    """Prints one line every `every` steps."""

    def __init__(self, name: str, total: int, every: int = 50) -> None:
        self._name, self._total, self._every = name, total, every
        self._smoothed: float | None = None

    def step(self, step: int, loss: float) -> None:
        self._smoothed = loss if self._smoothed is None else 0.98 * self._smoothed + 0.02 * loss
        if step % self._every == 0 or step == self._total:
            minutes = time.process_time() / 60
            print(f"{self._name} {step:5d}/{self._total} loss {self._smoothed:.3f} cpu {minutes:.1f} min", flush=True)
