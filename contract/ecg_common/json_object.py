"""Checks piece by piece that bytes are exactly one JSON object (RFC 8259) with given names at its top level.

A parser would hold the whole document. Here each piece is abbreviated to its grammar, one byte for each value, and
inner arrays and objects are reduced to one byte as soon as they are complete: a shift-reduce parser in which regular
expressions do the work. `$` is a string, `#` another value, a capital letter a string that is one of the names. What
remains at the end is the top level alone.

    {"segments": [{"text": "a"}, {"text": "b"}], "text": "a b"}   ->   {A:[{B:$},{B:$}],B:$}   ->   {A:#,B:$}
"""

import codecs
import re
from collections.abc import Iterable

_LONGEST_OPEN = 1024 * 1024
"""Longest grammar that is not reduced yet; deep nesting would otherwise make the work quadratic."""
_PLAIN = rb'[^"\\\x00-\x1f]*'
_ESCAPE = rb'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})'
_UNFINISHED = re.compile(rb'"%b(?:%b%b)*' % (_PLAIN, _ESCAPE, _PLAIN))
_LONG_STRING = 1024
"""Longer than every name."""
_LONGEST_ESCAPE = 5
"""Bytes of an escape sequence whose last one has not come."""
_SCALAR = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_SCALAR_END = re.compile(rb"[-+.0-9a-zA-Z]*\Z")
_SPACE = b" \t\r\n"
_BETWEEN_STRINGS = _SPACE + b"{}[],:+-.0123456789eEtrufalsn"
"""All that a document has outside its strings, so that nothing there can be taken for a mark."""
_LETTERS = b"ABCDFGHIJKLMNOPQRSTUVWXYZ"  # no E, which numbers have
_NAME, _VALUE = rb"[$A-DF-Z]", rb"[#$A-DF-Z]"
_ARRAY = re.compile(rb"\[(?:%b(?:,%b)*)?\]" % (_VALUE, _VALUE))
_OPEN_ARRAY = re.compile(rb"(?<=\[)%b(?:,%b)+(?=,)" % (_VALUE, _VALUE))
_OBJECT = re.compile(rb"(?<=.)\{(?:%b:%b(?:,%b:%b)*)?\}" % (_NAME, _VALUE, _NAME, _VALUE))
_TOP = re.compile(rb"\{%b:%b(?:,%b:%b)*\}" % (_NAME, _VALUE, _NAME, _VALUE))


class JsonObjectError(ValueError):
    """The bytes are not one JSON object with these names; the message says what is wrong."""


class JsonObjectCheck:
    """Takes the pieces of one document. Both methods raise JsonObjectError."""

    def __init__(self, names: Iterable[str]) -> None:
        """`names` are all that the top level has to have, at most 25."""
        self._marks = {name.encode(): bytes([letter]) for name, letter in zip(names, _LETTERS, strict=False)}
        known = b"|".join(map(re.escape, self._marks))
        self._string = re.compile(rb'"(?:(%b)"|%b(?:%b%b)*")' % (known, _PLAIN, _ESCAPE, _PLAIN))
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._rest = b""
        """A string or scalar whose end has not come yet."""
        self._open = b""
        """The grammar so far, reduced."""

    def update(self, piece: bytes) -> None:
        self._decode(piece, final=False)
        self._take(self._rest + piece, final=False)

    def close(self) -> None:
        self._decode(b"", final=True)
        self._take(self._rest, final=True)
        if not _TOP.fullmatch(self._open):
            raise JsonObjectError("it is not exactly one JSON object")
        found = sorted(re.findall(rb"(%b):" % _NAME, self._open))
        if found != sorted(self._marks.values()):
            raise JsonObjectError("it has not exactly the fields of a result")

    def _decode(self, piece: bytes, *, final: bool) -> None:
        try:
            self._decoder.decode(piece, final)
        except UnicodeDecodeError:
            raise JsonObjectError("it is not UTF-8") from None

    def _take(self, data: bytes, *, final: bool) -> None:
        parts = self._string.split(data)  # text, name or None, text, name or None, ..., text
        parts[-1], self._rest = _split_unfinished(parts[-1], final=final)
        if b"".join(parts[::2]).translate(None, _BETWEEN_STRINGS):
            raise JsonObjectError("it is not JSON")
        parts[1::2] = [b"$" if name is None else self._marks[name] for name in parts[1::2]]
        grammar = _SCALAR.sub(b"#", b"".join(parts)).translate(None, _SPACE)
        self._open = _reduced(self._open + grammar)
        if len(self._open) > _LONGEST_OPEN:
            raise JsonObjectError("it is nested too deeply")


def _split_unfinished(between: bytes, *, final: bool) -> tuple[bytes, bytes]:
    """What follows the last complete string, cut where a string or a scalar begins that may not be complete."""
    if final:
        return between, b""
    quote = between.find(b'"')
    if quote >= 0:
        return between[:quote], _shortened(between[quote:])
    begin = _SCALAR_END.search(between)
    cut = begin.start() if begin else len(between)
    return between[:cut], between[cut:]


def _shortened(string: bytes) -> bytes:
    """An unfinished string with the same end, so that a long one is not read again for each piece of it."""
    if len(string) <= _LONG_STRING:
        return string
    whole = _UNFINISHED.match(string)
    end = whole.end() if whole else 0
    if len(string) - end > _LONGEST_ESCAPE:
        raise JsonObjectError("it is not JSON")
    return b'"' + b"." * _LONG_STRING + string[end:]


def _reduced(grammar: bytes) -> bytes:
    """`grammar` with every complete inner array and object as one value."""
    while True:
        grammar, arrays = _ARRAY.subn(b"#", grammar)
        grammar, objects = _OBJECT.subn(b"#", grammar)
        grammar, _ = _OPEN_ARRAY.subn(b"#", grammar)
        if not arrays + objects:
            return grammar
