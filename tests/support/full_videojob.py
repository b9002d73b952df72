"""A VideoJob with a value in every field, generated from the models' types."""

import enum
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ecg_contract.base_model import CamelModel
from ecg_contract.videojob.resource import VideoJobStatus
from ecg_contract.videojob.spec import VideoJobSpec

M = TypeVar("M", bound=BaseModel)

_WHEN = datetime(2026, 11, 23, 12, 34, 56, 789000, UTC)
_SPECIAL: Mapping[str, Any] = {
    "from_secret": False,
    "number": 3,
    "cancelled_run": 1,
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}
"""Values by field name; `from_secret` is false because a source has either a URL or a Secret."""


def full_spec() -> VideoJobSpec:
    return _full(VideoJobSpec)


def full_status() -> VideoJobStatus:
    return _full(VideoJobStatus)


def _full(model: type[M]) -> M:
    return model.model_validate({name: _field(name, field) for name, field in model.model_fields.items()})


def _field(name: str, field: FieldInfo) -> Any:
    return _SPECIAL[name] if name in _SPECIAL else _value(field.annotation)


def _value(kind: Any) -> Any:  # noqa: PLR0911 - one line for each kind of type
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _value(arguments[0])
    if origin in (Union, types.UnionType):
        return _value(next(a for a in arguments if a is not type(None)))
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return (_value(arguments[0]),)
    if origin in (dict, Mapping):
        return {key: _value(arguments[1]) for key in _keys(arguments[0])}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return list(kind)[-1]
    if isinstance(kind, type) and issubclass(kind, CamelModel):
        return _full(kind)
    plain: dict[Any, Any] = {str: "word", int: 2, float: 12.5, bool: True, datetime: _WHEN}
    return plain[kind]


def _keys(kind: Any) -> list[Any]:
    unwrapped = typing.get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return list(unwrapped) if isinstance(unwrapped, type) and issubclass(unwrapped, enum.Enum) else ["key"]
