"""Chooses the device and the Whisper model's number format."""

import functools


@functools.cache
def has_gpu() -> bool:
    """Whether both CTranslate2 and torch see a GPU; torch, slow to import, is asked only where CTranslate2 sees one."""
    import ctranslate2  # noqa: PLC0415 - loaded with the job

    if ctranslate2.get_cuda_device_count() == 0:
        return False
    import torch  # noqa: PLC0415 - slow to import

    return torch.cuda.is_available()


def pick_device(wanted: str) -> str:
    return "cuda" if wanted == "auto" and has_gpu() else "cpu"


def pick_compute_type(device: str) -> str:
    """float16 on a GPU that has it (compute capability 7 and up), int8 elsewhere."""
    import ctranslate2  # noqa: PLC0415 - loaded with the job

    return "float16" if device == "cuda" and "float16" in ctranslate2.get_supported_compute_types("cuda") else "int8"
