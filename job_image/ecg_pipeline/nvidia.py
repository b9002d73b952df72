"""The machine's GPUs, as the driver tells them."""

import subprocess

_TIMEOUT_S = 5.0


def gpus(*fields: str) -> list[list[str]]:
    """The `fields` of each GPU, by the names of nvidia-smi, without units; empty where there is no GPU."""
    query = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.check_output(query, text=True, timeout=_TIMEOUT_S)  # noqa: S603 - our own names
    except (OSError, subprocess.SubprocessError):
        return []
    return [[value.strip() for value in line.split(",")] for line in told.splitlines()]
