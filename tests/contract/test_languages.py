"""The languages that may be asked for are Whisper's."""

from faster_whisper.tokenizer import _LANGUAGE_CODES

from ecg_contract.languages import Language


def test_the_languages_are_those_that_whisper_has() -> None:
    assert {*_LANGUAGE_CODES, "auto"} == set(Language)


def test_the_specifications_languages_come_first() -> None:
    assert list(Language)[:5] == ["auto", "ko", "en", "ja", "zh"]
