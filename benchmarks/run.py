"""Runs all benchmarks in turn; `--only NAME` runs one."""

import argparse
import importlib

from ecg_pipeline.bench.machine import describe

MODULES = {
    "analyze": "analyze_vs_whisperx",
    "imports": "imports",
    "alignment": "alignment_vs_whisperx",
    "assembly": "assembly",
    "acoustics": "acoustics_vs_librosa",
    "diarization": "diarization_vs_pyannote",
    "operator": "operator_vs_bare",
    "slow-source": "slow_source",
    "downloads": "downloads",
    "page": "page_scroll",
}
"""By name; imported when they run, as one imports the engines and another measures that."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=MODULES)
    only = parser.parse_args().only
    print(f"machine: {describe()}")
    for name, module in MODULES.items():
        if only in (None, name):
            print(f"\n== {name}")
            importlib.import_module(module).main()


if __name__ == "__main__":
    main()
