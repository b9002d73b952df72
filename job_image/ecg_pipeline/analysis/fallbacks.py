"""Fallbacks when the GPU runs out of memory or a model does not load; each is logged and noted in the job's status.

CTranslate2 raises a plain `RuntimeError` for exhausted GPU memory and torch a class of its own, so such errors are
recognized by their text.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from ecg_common.redact import redact_text
from ecg_contract.errors import MESSAGE_LENGTH, ErrorCode, FatalError, TransientError
from ecg_pipeline.model_hub.faults import SAME_FOR_ALL_MODELS, ModelFault

_log = logging.getLogger(__name__)
T = TypeVar("T")
Plan = TypeVar("Plan")
Note = Callable[[str], None]

_EXHAUSTED = ("out of memory", "alloc_failed", "cuda_error_out_of_memory")
_GPU = ("cuda", "cublas", "cudnn", "gpu", "hip")
_SIZES = ("large-v3", "medium", "small", "base", "tiny")
_LARGE = ("large", "large-v1", "large-v2", "large-v3", "large-v3-turbo", "turbo", "distil-large-v2", "distil-large-v3")


AsrPlan = tuple[int, str]
"""Batch size and compute type of a transcription, which decide how much memory it takes."""

BATCH_SHARES = {f"{share:.0%} of the batch size": share for share in (1.0, 0.5, 0.25)}
"""Shares of the configured batch sizes by description, in the order of trial."""


def is_gpu_memory_error(error: BaseException) -> bool:
    text = f"{type(error).__module__}.{type(error).__name__}: {error}".lower()
    return any(e in text for e in (*_EXHAUSTED, "outofmemoryerror")) and any(gpu in text for gpu in _GPU)


def asr_plans(batch_size: int, compute_type: str) -> dict[str, AsrPlan]:
    """Plans by description, in the order of trial: as configured, then half the batch, then half the batch in int8."""
    half = max(1, batch_size // 2)
    plans = ((batch_size, compute_type), (half, compute_type), (half, "int8"))
    return {f"batches of {plan[0]} in {plan[1]}": plan for plan in plans}


def with_less_memory(what: str, plans: Mapping[str, Plan], work: Callable[[Plan], T], note: Note) -> T:
    """The result of `work` with the first of `plans`, which have descriptions as keys, that fits into GPU memory.

    Raises TransientError (GPU_MEMORY_ERROR) where none does, and what else `work` raises.
    """
    for plan, following in zip(plans, [*list(plans)[1:], None], strict=True):
        try:
            return work(plans[plan])
        except Exception as error:
            if not is_gpu_memory_error(error):
                raise
            _log.warning("gpu_memory_exhausted", extra={"work": what, "plan": plan, "next": str(following)})
        if following is not None:  # outside the except block, whose traceback keeps the tensors alive
            note(f"{what}: GPU memory did not suffice, trying {following}")
    raise gpu_memory_error(what)


def gpu_memory_error(what: str) -> TransientError:
    return TransientError(ErrorCode.GPU_MEMORY_ERROR, f"GPU 메모리가 부족합니다: {what}")


def smaller_models(name: str) -> tuple[str, ...]:
    """The Whisper sizes below `name`; none for a folder or a name that is no size."""
    stem, suffix = (name[:-3], ".en") if name.endswith(".en") else (name, "")
    size = "large-v3" if stem in _LARGE else stem
    if size not in _SIZES or Path(name).exists():
        return ()
    below = _SIZES[_SIZES.index(size) + 1 :]
    return tuple(s + suffix for s in below)


def first_that_loads(names: Sequence[str], load: Callable[[str, bool], T], first: Exception) -> T:
    """The model of the first of `names` that loads, after `first` kept the configured one from loading.

    `load` takes a name and whether only the cache is to be looked into, which is so once a download of any other model
    would fail, too. Raises `first` where none loads, and GPU memory errors as they come.
    """
    fault: Exception = first
    cached_only = False
    for name in names:
        cached_only |= isinstance(fault, ModelFault) and fault.kind in SAME_FOR_ALL_MODELS
        try:
            return load(name, cached_only)
        except Exception as error:
            if is_gpu_memory_error(error):
                raise
            _log.error("model_not_loaded", extra={"model": name, "reason": reason_of(error)})
            fault = error
    raise first


def reason_of(error: Exception) -> str:
    """The error on one line, without credentials."""
    text = " ".join(redact_text(str(error)).split())
    return text if isinstance(error, ModelFault) else f"{type(error).__name__}: {text}"


def short_reason_of(error: Exception) -> str:
    """For a note."""
    return error.kind.value if isinstance(error, ModelFault) else type(error).__name__


def load_error(what: str, error: Exception, setting: str) -> FatalError:
    """MODEL_LOADING_ERROR for the model `what` that `setting` names."""
    advice = error.advice(setting) if isinstance(error, ModelFault) else f"check {setting}"
    return model_error(what, reason_of(error), advice)


def model_error(what: str, reason: str, advice: str) -> FatalError:
    """The reason is cut where the message would be too long, the advice is not."""
    before, after = f"모델을 불러올 수 없습니다: {what}: ", f"; {advice}"
    space = MESSAGE_LENGTH - len(before) - len(after)
    text = " ".join(reason.split()) or "no reason given"
    return FatalError(
        ErrorCode.MODEL_LOADING_ERROR, before + (text if len(text) <= space else f"{text[: space - 1]}…") + after
    )
