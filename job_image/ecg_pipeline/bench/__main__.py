"""`python -m ecg_pipeline.bench REQUEST`: what the configured models cost here, as tables and as JSON.

The exit status is 1 where a run failed, or where the outputs that were compared have other words.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecg_common.load_settings import load_settings
from ecg_contract.host_protocol import PipelineStatus
from ecg_pipeline.bench import tables
from ecg_pipeline.bench.gpu_check import check
from ecg_pipeline.bench.machine import describe
from ecg_pipeline.bench.outputs import difference, words_of
from ecg_pipeline.bench.pipeline_run import PipelineRun, RunError, run_pipeline
from ecg_pipeline.bench.request import BenchRequest
from ecg_pipeline.bench.rival import Rival
from ecg_pipeline.nvidia import gpus
from ecg_pipeline.settings import PipelineSettings


def main() -> int:
    request = BenchRequest.model_validate_json(sys.argv[1])
    settings = load_settings(PipelineSettings)
    machine = describe()
    _print(f"machine: {machine}")
    if request.gpu_check and not gpus("name"):
        _complain("no GPU is found; `ecg doctor` says why")
        return 1
    figures, failed = [], False
    for file in request.files:
        try:
            figures.append(_figures(file, request, settings))
        except RunError as error:
            _complain(f"{file}: {error}")
            failed = True
    if request.json_file is not None:
        report = json.dumps({"machine": machine, "files": figures}, indent=1, ensure_ascii=False)
        request.json_file.write_text(f"{report}\n", encoding="utf-8")
    return int(failed or any(figure.get("words_differ") for figure in figures))


def _figures(file: Path, request: BenchRequest, settings: PipelineSettings) -> dict[str, Any]:
    """Print the tables of one file; returns the same as JSON."""
    if request.gpu_check:
        return _gpu_check(file, request)
    runs = [_run(file, request) for _ in range(1 if request.against else request.runs)]
    run = min(runs, key=lambda run: run.cost.wall)
    _print(tables.about(file.name, run), *tables.parts(run))
    figures = {"file": str(file), **_run_figures(run), "wall_seconds_of_runs": [run.cost.wall for run in runs]}
    return {**figures, **(_against(file, request, settings, run) if request.against else {})}


def _run(file: Path, request: BenchRequest, more: Mapping[str, str] | None = None) -> PipelineRun:
    def show(status: PipelineStatus) -> None:
        _working(f"{file.name}: {status.stage}, {status.progress:.0f} %")

    try:
        return run_pipeline(file, request, more, show)
    finally:
        _working("")


def _run_figures(run: PipelineRun) -> dict[str, Any]:
    return {
        "audio_seconds": run.result["duration"],
        "words": len(words_of(run.result)),
        "chosen": {name: run.chosen.get(name) for name in ("device", "compute_type", "cores", "asr_model")},
        "parts": {part: usage.model_dump() for part, usage in run.status.parts.items()},
        "processing_seconds": run.processing_s,
        "cost": run.cost._asdict(),
        "notes": list(run.status.notes),
    }


def _against(file: Path, request: BenchRequest, settings: PipelineSettings, first: PipelineRun) -> dict[str, Any]:
    """Run `whisperx` after the `first` run, compare their outputs, then run further pairs."""
    rival = Rival(settings, first.result["language"], first.chosen["device"], first.chosen["compute_type"])
    ours, theirs = [first.cost], []
    for number in range(1, request.runs + 1):
        _working(f"{file.name}: whisperx, pair {number} of {request.runs}")
        heard, cost = rival.run(file)
        theirs.append(cost)
        if number == 1:
            apart = difference(heard, words_of(first.result))
            _print("", f"compared with whisperx: {apart}")
        if number < request.runs:
            ours.append(_run(file, request).cost)
    _print(*tables.pairs(ours, theirs))
    return {
        "difference_from_whisperx": apart.__dict__,
        "words_differ": apart.other_words > 0,
        "pairs": [{"ecg_analyze": a._asdict(), "whisperx": b._asdict()} for a, b in zip(ours, theirs, strict=True)],
        "ratio_of_wall_times": tables.ratio(ours, theirs),
    }


def _gpu_check(file: Path, request: BenchRequest) -> dict[str, Any]:
    _print(f"{file.name}: GPU memory is what is taken of the card at the end of a part, by any process")

    def run(cpu: bool, settings: Mapping[str, str]) -> PipelineRun:
        return _run(file, request.model_copy(update={"cpu": cpu}), settings)

    found = check(run, lambda one: _print(*tables.checked(one)))
    _print(tables.verdict(found))
    return {"file": str(file), "gpu_check": [one.to_json() for one in found]}


def _print(*lines: str) -> None:
    _working("")
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _working(what: str) -> None:
    """Say on a terminal what is being done, until something else is written."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{what}\x1b[K")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
