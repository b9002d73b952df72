"""A stored result as subtitles or text, in a thread, one after the other: a long one takes a second and 100 MB."""

import asyncio
import os
from typing import IO
from urllib.parse import quote

from fastapi.responses import Response
from pydantic import ValidationError

from ecg_api.errors import ProblemError
from ecg_contract.subtitles.formats import MEDIA_TYPES, TextFormat, write
from ecg_contract.subtitles.transcript import Transcript

_MAX_BYTES = 64 * 1024 * 1024
"""Some 20 hours of speech."""
_one_at_a_time = asyncio.Lock()


async def as_text(stored: IO[bytes], wanted: TextFormat, job_id: str) -> Response:
    """Raises ProblemError for a result that is too large, or that is none."""
    with stored:
        size = os.fstat(stored.fileno()).st_size
        if size > _MAX_BYTES:
            raise ProblemError(413, f"a result of {size} bytes is written as JSON alone: leave format out")
        async with _one_at_a_time:
            text = await asyncio.to_thread(_written, stored, wanted)
    disposition = f"inline; filename*=UTF-8''{quote(job_id, safe='')}.{wanted}"
    headers = {"content-disposition": disposition}
    return Response(text, media_type=f"{MEDIA_TYPES[wanted]}; charset=utf-8", headers=headers)


def _written(stored: IO[bytes], wanted: TextFormat) -> str:
    try:
        return write(Transcript.model_validate_json(stored.read()), wanted)
    except ValidationError:
        raise ProblemError(409, "the stored result is no transcript: it has no segments of words") from None
