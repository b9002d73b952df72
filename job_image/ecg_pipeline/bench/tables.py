"""What `ecg bench` prints."""

import statistics
from collections.abc import Iterator, Sequence

from ecg_contract.host_protocol import PartUsage
from ecg_pipeline.bench.gpu_check import CARD_BYTES, Checked
from ecg_pipeline.bench.outputs import words_of
from ecg_pipeline.bench.pipeline_run import Cost, PipelineRun

_HEAD = f"{'part':18}{'seconds':>9}{'real time':>11}{'CPU s':>9}{'memory':>10}{'GPU':>10}"


def about(name: str, run: PipelineRun) -> str:
    """The file and what was found in it, in one line."""
    result, chosen = run.result, run.chosen
    speakers = len(result["speakers"])
    return (
        f"{name}: {result['duration']:.1f} s, {len(words_of(result))} words, {speakers} speaker(s), "
        f"{result['language']}; {result['metadata']['model_version']} in {chosen.get('compute_type', '?')}, "
        f"on {chosen.get('device', '?')}, {chosen.get('cores', '?')} core(s)"
    )


def parts(run: PipelineRun) -> Iterator[str]:
    """A line for each part of the analysis, for all of it, and for the process."""
    length = float(run.result["duration"])
    yield _HEAD
    for part, usage in run.status.parts.items():
        yield _line(part, usage.seconds, length, usage.cpu_seconds, usage)
    yield _line("all, models too", run.processing_s, length)
    last = max(run.status.parts.values(), key=lambda usage: usage.memory_bytes, default=None)
    yield _line("process", run.cost.wall, length, run.cost.cpu, last)
    yield from (f"note: {note}" for note in run.status.notes)


def pairs(ours: Sequence[Cost], theirs: Sequence[Cost]) -> Iterator[str]:
    """Both commands' wall and CPU time, and the median of the ratios of the pairs."""
    yield f"{'':14}{'wall s':>9}{'(min..max)':>18}{'CPU s':>10}"
    for name, costs in (("ecg analyze", ours), ("whisperx", theirs)):
        walls = [cost.wall for cost in costs]
        spread, cpu = f"({min(walls):.1f}..{max(walls):.1f})", statistics.median(cost.cpu for cost in costs)
        yield f"{name:14}{statistics.median(walls):>9.2f}{spread:>18}{cpu:>10.2f}"
    yield f"ratio of wall times, median of {len(ours)} pair(s): {ratio(ours, theirs):.2f}"


def ratio(ours: Sequence[Cost], theirs: Sequence[Cost]) -> float:
    return statistics.median(a.wall / b.wall for a, b in zip(ours, theirs, strict=True))


def checked(found: Checked) -> Iterator[str]:
    if found.run is None:
        yield f"{found.step.name:22}failed: {found.error}"
        return
    compared = f"against {found.step.compared_with}: {found.difference}" if found.difference else ""
    yield f"{found.step.name:22}{found.run.cost.wall:>8.1f} s{_size(found.gpu_bytes):>10}  {compared}".rstrip()
    yield from (f"{'':22}note: {note}" for note in found.run.status.notes)


def verdict(found: Sequence[Checked]) -> str:
    most = max(one.gpu_bytes for one in found)
    fits = "fits" if most <= CARD_BYTES else "does not fit"
    return f"most GPU memory: {_size(most)}, which {fits} a card of {_size(CARD_BYTES)}"


def _line(name: str, seconds: float, length: float, cpu: float | None = None, usage: PartUsage | None = None) -> str:
    speed = f"{length / seconds:.1f}x" if seconds else ""
    cpu_text = "" if cpu is None else f"{cpu:.2f}"
    memory, gpu = (_size(usage.memory_bytes), _size(usage.gpu_memory_bytes or 0)) if usage else ("", "")
    return f"{name:18}{seconds:>9.2f}{speed:>11}{cpu_text:>9}{memory:>10}{gpu:>10}".rstrip()


def _size(amount: int) -> str:
    return f"{amount / 2**20:,.0f} MB" if amount else ""
