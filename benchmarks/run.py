"""Runs all benchmarks in turn; `--only NAME` runs one."""

import argparse

import acoustics_vs_librosa
import alignment_vs_whisperx
import analyze_vs_whisperx
import assembly
import diarization_vs_pyannote
import downloads
import imports
import operator_vs_bare
import page_scroll
import slow_source

from ecg_pipeline.bench.machine import describe

BENCHMARKS = {
    "analyze": analyze_vs_whisperx.main,
    "imports": imports.main,
    "alignment": alignment_vs_whisperx.main,
    "assembly": assembly.main,
    "acoustics": acoustics_vs_librosa.main,
    "diarization": diarization_vs_pyannote.main,
    "operator": operator_vs_bare.main,
    "slow-source": slow_source.main,
    "downloads": downloads.main,
    "page": page_scroll.main,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=BENCHMARKS)
    only = parser.parse_args().only
    print(f"machine: {describe()}")
    for name, run in BENCHMARKS.items():
        if only in (None, name):
            print(f"\n== {name}")
            run()


if __name__ == "__main__":
    main()
