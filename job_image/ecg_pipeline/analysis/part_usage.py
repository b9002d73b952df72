"""Measures what a part of the analysis took, for the status and for the log line `stage_completed`."""

import logging
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ecg_contract.host_protocol import Part, PartUsage
from ecg_pipeline.ports import SAMPLE_RATE, Samples

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes of getrusage's unit of memory."""
_log = logging.getLogger(__name__)


@contextmanager
def measured(part: Part, samples: Samples, record: Callable[[Part, PartUsage], None]) -> Iterator[None]:
    """Log and `record` the usage of what is done in the context, also where it fails."""
    began, cpu = time.monotonic(), time.process_time()
    try:
        yield
    finally:
        usage = PartUsage(
            seconds=round(time.monotonic() - began, 3),
            cpu_seconds=round(time.process_time() - cpu, 3),
            memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT,
            gpu_memory_bytes=_gpu_memory_bytes(),
        )
        record(part, usage)
        length = round(len(samples) / SAMPLE_RATE, 3)
        _log.info("stage_completed", extra={"stage": part, "audio_seconds": length, **usage.model_dump()})


def _gpu_memory_bytes() -> int | None:
    """None where torch, which sees the memory of CTranslate2 too, does not use a GPU; asking would make it use one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    free, total = torch.cuda.mem_get_info()
    return int(total - free)
