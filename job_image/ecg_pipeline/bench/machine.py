"""The machine and the libraries under a benchmark, in one line."""

import importlib.metadata
import platform
from pathlib import Path

from ecg_pipeline.engines.cores import available_cores
from ecg_pipeline.nvidia import gpus

_LIBRARIES = ("whisperx", "ctranslate2", "torch", "pyannote.audio")


def describe() -> str:
    """Processor, cores that this process may use, memory, GPUs, Python, and the libraries' versions."""
    versions = " ".join(f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES)
    system = f"{platform.system()}, Python {platform.python_version()}"
    return f"{_processor()}, {available_cores()} core(s), {_memory()}; {_gpus()}; {system}; {versions}"


def _gpus() -> str:
    found = gpus("name", "memory.total", "driver_version")
    return ", ".join(f"{name} ({memory} MiB, driver {driver})" for name, memory, driver in found) or "no GPU"


def _processor() -> str:
    return _value("/proc/cpuinfo", "model name") or platform.processor() or "unknown processor"


def _memory() -> str:
    total = _value("/proc/meminfo", "MemTotal").split(" ")[0]
    return f"{int(total) / 2**20:.0f} GiB" if total else "unknown memory"


def _value(file: str, name: str) -> str:
    lines = Path(file).read_text().splitlines() if Path(file).exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
