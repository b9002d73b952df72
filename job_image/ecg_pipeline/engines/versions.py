"""Checks that the engines' libraries load, and reports their versions."""

import importlib
import importlib.metadata
from collections.abc import Iterator

from ecg_common.checks import Finding

_LIBRARIES = ("torch", "torchaudio", "ctranslate2", "whisperx", "pyannote.audio", "transformers", "librosa", "av")


def check_libraries() -> Iterator[Finding]:
    for name in _LIBRARIES:
        try:
            version = importlib.metadata.version(name.replace(".", "-"))
            importlib.import_module(name)
        except Exception as error:
            yield Finding.fail(name, f"{type(error).__name__}: {error}", "build the image anew")
        else:
            yield Finding.ok(name, version)


def check_cudnn() -> Finding:
    """The versions of cuDNN and CUDA, and the number of GPUs."""
    import torch  # noqa: PLC0415 - slow to import

    version = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    if version is None:
        return Finding.warn("cuDNN", "is not in this torch", "nothing, if the CPU is meant")
    found = f"{version // 10000}.{version // 100 % 100}.{version % 100}, CUDA {torch.version.cuda}"
    return Finding.ok("cuDNN", f"{found}, {torch.cuda.device_count()} device(s)")
