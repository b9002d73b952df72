"""The check of a document piece by piece agrees with a parser, whatever is wrong and however it is cut."""

import json
import random
from typing import Any

import pytest

from ecg_common.json_object import JsonObjectCheck, JsonObjectError

NAMES = ("segments", "text", "language")
DOCUMENT = json.dumps(
    {
        "segments": [
            {"text": 'a"b\\', "numbers": [0, -2.5e-3, True, None, []], "empty": {}},
            {"text": "가나", "control": "\u0001x"},
        ],
        "text": "segments",
        "language": "ko",
    },
    ensure_ascii=False,
).encode()
CHARACTERS = b'{}[],:"\\ \n0123456789.eE-+truefalsn#$A\x00\x7f\xff\xea'


def accepts(document: bytes, piece: int = 64) -> bool:
    check = JsonObjectCheck(NAMES)
    try:
        for start in range(0, len(document), piece):
            check.update(document[start : start + piece])
        check.close()
    except JsonObjectError:
        return False
    return True


def parses(document: bytes) -> bool:
    """What the standard library's parser says, told to refuse NaN and to show repeated names."""

    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    try:
        parsed = json.loads(document.decode(), parse_constant=refuse, object_pairs_hook=_Pairs)
    except ValueError:
        return False
    return isinstance(parsed, _Pairs) and sorted(name for name, _ in parsed) == sorted(NAMES)


class _Pairs(list[Any]):
    pass


def mutated(document: bytes, chance: random.Random) -> bytes:
    changed = bytearray(document)
    for _ in range(chance.randint(0, 3)):
        place = chance.randrange(len(changed))
        match chance.randrange(3):
            case 0:
                del changed[place : place + chance.randint(1, 3)]
            case 1:
                changed.insert(place, chance.choice(CHARACTERS))
            case _:
                changed[place] = chance.choice(CHARACTERS)
    return bytes(changed)


def test_it_agrees_with_a_parser_on_thousands_of_damaged_documents() -> None:
    chance, accepted = random.Random(1), 0
    for _ in range(20_000):
        document = mutated(DOCUMENT, chance)
        assert accepts(document, chance.choice((1, 2, 3, 7, 50, 1000))) == parses(document), document
        accepted += parses(document)
    assert 2_000 < accepted < 18_000, "both answers were tried"


@pytest.mark.parametrize("end", [b'"', b'\\\\"', b'\\u00e9"', b'\\\\\\""'])
@pytest.mark.parametrize("length", [1000, 5000, 300_000])
def test_a_string_of_many_pieces_is_read_once(length: int, end: bytes) -> None:
    document = b'{"segments":"' + "가나다라".encode() * (length // 12) + end + b',"text":1,"language":2}'
    for piece in (100, 101, 102, 103, 65536):
        assert accepts(document, piece)
        assert not accepts(document.replace(end, b"\n" + end), piece)
        assert not accepts(document.replace(end, b"\\x" + end), piece)


@pytest.mark.parametrize("depth", [100, 1000, 10_000])
def test_nesting_is_read_to_its_end(depth: int) -> None:
    document = b'{"segments":' + b"[" * depth + b"]" * depth + b',"text":1,"language":2}'
    assert accepts(document)
    assert not accepts(document.replace(b"]", b"", 1))


def test_nesting_without_end_is_refused_before_it_costs_anything() -> None:
    check = JsonObjectCheck(NAMES)
    for _ in range(16):
        check.update(b"[" * 65536)
    with pytest.raises(JsonObjectError, match="nested too deeply"):
        check.update(b"[")
    assert len(check._open) < 2 * 1024 * 1024


def test_a_long_document_is_never_held_whole() -> None:
    check, longest = JsonObjectCheck(NAMES), 0
    check.update(b'{"segments":[')
    for _ in range(2000):
        check.update(b'{"text":"a word","start":1.25,"words":[1,2,3]},' * 20)
        longest = max(longest, len(check._open) + len(check._rest))
    check.update(b'0],"text":"","language":"ko"}')
    check.close()
    assert longest < 1000
