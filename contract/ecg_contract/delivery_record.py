"""The durable record of a job's callbacks: part of the job record in SQLite, `status.callbacks` of a VideoJob.

It holds no body and no credential.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from ecg_contract.base_model import PLAIN_TEXT, CamelModel, cut_to, in_plain_text
from ecg_contract.wire.models import CallbackStatus

ERROR_LENGTH = 200
"""Longest `last_error` kept, in characters."""

TRIES = 8
"""Tries that are remembered of each job."""
_TRY_ERROR_LENGTH = 80

Percent = Annotated[int, Field(ge=0, le=100)]
ShortError = Annotated[str, Field(max_length=ERROR_LENGTH, pattern=PLAIN_TEXT), BeforeValidator(in_plain_text)]
TryError = Annotated[
    str,
    Field(max_length=_TRY_ERROR_LENGTH, pattern=PLAIN_TEXT),
    cut_to(_TRY_ERROR_LENGTH, "..."),
    BeforeValidator(in_plain_text),
]


class InHand(CamelModel):
    """A callback that failed at least once and is still to be sent."""

    status: CallbackStatus
    """Its `status` on the wire."""
    progress: Percent | None = None
    """Its `progress` on the wire."""
    tries: int
    """Failed tries."""
    first_try: datetime
    """When it was tried first."""
    next_try: datetime
    """When it is tried again."""
    last_error: ShortError
    """Why the last try failed."""

    @property
    def is_terminal(self) -> bool:
        return self.status != "processing"


class CallbackTry(CamelModel):
    """One try of a callback."""

    time: datetime
    """When it was over."""
    status: CallbackStatus
    """Its `status` on the wire."""
    progress: Percent | None = None
    """Its `progress` on the wire."""
    http_status: Annotated[int, Field(ge=0, le=999)] | None = None
    """The backend's answer; absent where there was none."""
    error: TryError | None = None
    """Why it was not acknowledged; absent where it was."""


class Settled(CamelModel):
    """How the terminal callback of a run ended."""

    outcome: Literal["delivered", "rejected", "undelivered"]
    """`rejected`: the backend wants no more of it (410, 413). `undelivered`: the time for trying is over."""
    time: datetime
    """When it was settled."""
    tries: int
    """Tries that it took."""
    last_error: ShortError | None = None
    """Why the last failed try failed."""


class DeliveryRecord(CamelModel):
    """All that has to survive a restart for callbacks to be sent once and in order; some KB of JSON."""

    run: int = 1
    """The run whose callbacks these are."""
    settled: Percent = 0
    """Highest progress that is acknowledged or given up: nothing up to it is sent again in this run."""
    acknowledged: Percent = 0
    """Highest progress that the backend has acknowledged."""
    in_hand: InHand | None = None
    """The callback that has failed and is to be tried again."""
    not_before: datetime | None = None
    """The backend's Retry-After, which holds for whatever is sent next."""
    catch_up_seconds: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 0.0
    """Seconds that tries of progress and the pauses after them have held up the terminal callback."""
    terminal: Settled | None = None
    """How the last callback of the run ended."""
    tries: Annotated[tuple[CallbackTry, ...], Field(max_length=TRIES)] = ()
    """The last tries, in order."""
    redelivery: int = 0
    """How often the settled terminal callback was asked for once more."""
