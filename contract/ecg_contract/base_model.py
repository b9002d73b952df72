"""The base classes of models that are written as JSON, and their bounded text types."""

import re
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ecg_contract.errors import MESSAGE_LENGTH


class WireModel(BaseModel):
    """A model whose fields the OpenAPI document describes by their docstrings."""

    model_config = ConfigDict(use_attribute_docstrings=True)


def kubernetes_case(name: str) -> str:
    """`pod_uid` as Kubernetes spells it, `podUID`; all else in camelCase."""
    return re.sub(r"(?<=[a-z])Uid$", "UID", to_camel(name))


class CamelModel(BaseModel):
    """A model whose JSON has camelCase names and no nulls."""

    model_config = ConfigDict(
        alias_generator=kubernetes_case, populate_by_name=True, frozen=True, use_attribute_docstrings=True
    )

    def to_json(self) -> str:
        """One line of JSON without absent fields."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


def cut_to(length: int, end: str = "…") -> BeforeValidator:
    """A validator that truncates a longer string instead of refusing it; for text that people read."""

    def cut(value: object) -> object:
        return value[: length - len(end)] + end if isinstance(value, str) and len(value) > length else value

    return BeforeValidator(cut)


def first_items(count: int) -> BeforeValidator:
    """A validator that keeps the first `count` items of a longer list instead of refusing it."""

    def cut(value: object) -> object:
        return value[:count] if isinstance(value, list | tuple) else value

    return BeforeValidator(cut)


PLAIN = r"^[!#-%'-;=?-\[\]-~]*$"
"""Pattern of the printable ASCII that takes one byte each in JSON: without `"&<>\\`, which are escaped."""

Plain = Annotated[str, Field(pattern=PLAIN)]

PLAIN_TEXT = PLAIN.replace("[", "[ ", 1)
"""The same with spaces."""
Text = TypeVar("Text", str, object)
_NOT_PLAIN = re.compile(r"[^ !#-%'-;=?-\[\]-~]")


def in_plain_text(text: Text) -> Text:
    """The text with a question mark for each character that `PLAIN_TEXT` does not take, and `'` for `"`."""
    return _NOT_PLAIN.sub("?", text.replace('"', "'")) if isinstance(text, str) else text


Sentence = Annotated[str, cut_to(400), Field(max_length=400)]
"""A status message."""


Note = Annotated[str, cut_to(140), Field(max_length=140)]


ErrorMessage = Annotated[str, cut_to(MESSAGE_LENGTH), Field(max_length=MESSAGE_LENGTH)]
