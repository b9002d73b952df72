"""A result as subtitles and text, parsed back by a library of others."""

import io
from itertools import pairwise
from typing import Any

import pytest
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from ecg_contract.subtitles.formats import TextFormat, write
from ecg_contract.subtitles.layout import LINE_COLUMNS, LONGEST_S, SpokenWord, columns, cues_of, lines_of
from ecg_contract.subtitles.transcript import Transcript

KOREAN = (
    "오늘은 새로운 보고서를 검토하고 다음 주 회의에서 발표할 내용을 함께 정리해 보겠습니다. "
    "질문이 있으면 말씀해 주세요."
)
JAPANESE = "今日は新しい報告書を確認して、来週の会議で発表する内容を一緒にまとめます。質問があれば言ってください。"


def _segment(text: str, start: float = 0.0, speaker: str = "SPEAKER_00", *, each: float = 0.3) -> dict[str, Any]:
    """A segment whose words take `each` seconds; of Japanese every character is a word."""
    pieces = list(text) if any("぀" <= char <= "ヿ" for char in text) else text.split()
    words = [
        {"word": piece, "start": round(start + n * each, 3), "end": round(start + (n + 0.9) * each, 3)}
        for n, piece in enumerate(pieces)
    ]
    end = words[-1]["end"] if words else start
    return {
        "start_time": start, "end_time": end, "text": text, "speaker": {"speaker_id": speaker}, "words": words,
    }  # fmt: skip


def _transcript(*segments: dict[str, Any], language: str = "en") -> Transcript:
    return Transcript.model_validate({"segments": segments, "language": language})


def _srt(transcript: Transcript) -> list[Any]:
    return list(webvtt.from_buffer(io.StringIO(write(transcript, TextFormat.SRT)), format="srt").captions)


def _vtt(transcript: Transcript) -> list[Any]:
    return list(webvtt.from_buffer(io.StringIO(write(transcript, TextFormat.VTT)), format="vtt").captions)


DIALOGUE = _transcript(
    _segment("We check the new picture on Friday.", 0.4),
    _segment("Can you review the plan, please?", 2.9, "SPEAKER_01"),
    _segment("Yes.", 3.0),
)


def test_cues_name_their_speakers_and_overlap_where_two_speak_at_once() -> None:
    cues = _srt(DIALOGUE)
    assert [cue.text.replace("\n", " ") for cue in cues] == [
        "SPEAKER_00: We check the new picture on Friday.",
        "SPEAKER_01: Can you review the plan, please?",
        "SPEAKER_00: Yes.",
    ]
    assert [(cue.start, cue.end) for cue in cues] == [
        ("00:00:00.400", "00:00:02.470"),
        ("00:00:02.900", "00:00:04.670"),
        ("00:00:03.000", "00:00:03.270"),
    ]


def test_vtt_has_voices_and_the_time_of_each_word() -> None:
    first, second, third = _vtt(DIALOGUE)
    assert [cue.voice for cue in (first, second, third)] == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_00"]
    assert "<00:00:00.700>check <00:00:01.000>the" in first.raw_text
    assert third.raw_text == "<v SPEAKER_00>Yes."
    assert second.text == "Can you review the plan, please?"


def test_what_is_markup_elsewhere_is_text() -> None:
    transcript = _transcript(_segment("a <b> & c --> d"))
    (vtt,) = _vtt(transcript)
    assert "&lt;b&gt;" in vtt.raw_text
    assert "&amp;" in vtt.raw_text
    assert "--&gt;" in vtt.raw_text
    assert write(transcript, TextFormat.SRT).splitlines()[2] == "SPEAKER_00: a <b> & c -> d", "SubRip has no escapes"


@pytest.mark.parametrize(("text", "language"), [(KOREAN, "ko"), (JAPANESE, "ja"), ("word " * 80, "en")])
@pytest.mark.parametrize("wanted", [TextFormat.SRT, TextFormat.VTT])
def test_lines_are_as_long_as_subtitles_are(text: str, language: str, wanted: TextFormat) -> None:
    transcript = _transcript(_segment(text), language=language)
    cues = _srt(transcript) if wanted is TextFormat.SRT else _vtt(transcript)
    assert len(cues) > 1
    for cue in cues:
        assert len(cue.lines) <= 2
        shown = cue.text.splitlines()
        assert all(columns(line) <= LINE_COLUMNS for line in shown), shown
        assert cue.end_in_seconds - cue.start_in_seconds <= LONGEST_S
    space = "" if language == "ja" else " "
    said = space.join(space.join(cue.text.removeprefix("SPEAKER_00: ").splitlines()) for cue in cues)
    assert said == text.strip()


def test_a_cue_ends_rather_after_punctuation_and_at_a_pause() -> None:
    words = _words("one two three four five six seven eight nine, ten eleven twelve thirteen fourteen fifteen sixteen")
    first, second = cues_of(words, " ", 0)
    assert first[-1].text == "nine,"
    assert second[0].text == "ten"
    apart = [SpokenWord("before", 0, 1), SpokenWord("after", 5, 6)]
    assert [len(cue) for cue in cues_of(apart, " ", 0)] == [1, 1]


def test_two_lines_are_about_as_long_as_one_another() -> None:
    words = _words("We have to talk about the plan for Monday morning and")
    first, second = lines_of(words, " ", 0)
    assert " ".join(w.text for w in first) == "We have to talk about the"
    assert " ".join(w.text for w in second) == "plan for Monday morning and"


def test_a_word_longer_than_a_line_is_cut() -> None:
    (word,) = _words("x" * 100)
    cues = list(cues_of([word], "", 0))
    assert "".join(w.text for cue in cues for w in cue) == word.text
    assert all(columns(w.text) <= LINE_COLUMNS for cue in cues for w in cue)
    assert cues[-1][-1].end == word.end


def _words(text: str) -> list[SpokenWord]:
    return [SpokenWord(piece, n * 0.3, n * 0.3 + 0.25) for n, piece in enumerate(text.split())]


WORDS = st.lists(
    st.tuples(st.text("abc,.가나日<&", min_size=1, max_size=60), st.floats(0, 3), st.floats(0, 3)),
    min_size=1,
    max_size=40,
)


@given(WORDS, st.sampled_from(["", " "]), st.integers(0, 14))
def test_no_word_is_lost_and_no_line_too_long(drawn: list[tuple[str, float, float]], space: str, indent: int) -> None:
    words, now = [], 0.0
    for text, pause, length in drawn:
        words.append(SpokenWord(text, now + pause, now + pause + length))
        now += pause + length
    cues = list(cues_of(words, space, indent))
    assert "".join(w.text for cue in cues for w in cue) == "".join(w.text for w in words)
    for cue in cues:
        lines = lines_of(cue, space, indent)
        assert [w for line in lines for w in line] == list(cue)
        assert len(lines) <= 2
        for number, line in enumerate(lines):
            assert columns(space.join(w.text for w in line)) + (0 if number else indent) <= LINE_COLUMNS
        assert len(cue) == 1 or cue[-1].end - cue[0].start <= LONGEST_S
        assert all(a.end <= b.start + 1e-9 for a, b in pairwise(cue))


def test_text_has_a_line_for_each_turn_and_tsv_for_each_segment() -> None:
    transcript = _transcript(
        _segment("One\nline.", 0.0), _segment("Two\ttabs.", 1.0), _segment("다른 사람", 2.5, "SPEAKER_01")
    )
    assert write(transcript, TextFormat.TXT) == "SPEAKER_00: One line. Two tabs.\nSPEAKER_01: 다른 사람\n"
    rows = [line.split("\t") for line in write(transcript, TextFormat.TSV).splitlines()]
    assert rows[0] == ["start", "end", "speaker", "text"]
    assert rows[2] == ["1000", "1570", "SPEAKER_00", "Two tabs."]
    assert len(rows) == 4


def test_a_result_without_speech_is_an_empty_file_of_its_format() -> None:
    empty = _transcript()
    assert {wanted: write(empty, wanted) for wanted in TextFormat} == {
        TextFormat.SRT: "",
        TextFormat.VTT: "WEBVTT\n",
        TextFormat.TXT: "",
        TextFormat.TSV: "start\tend\tspeaker\ttext\n",
    }
    assert _vtt(empty) == []


def test_a_word_without_length_is_shown_and_has_no_time_of_its_own() -> None:
    segment = _segment("now then")
    segment["words"] = [{"word": "now", "start": 1.0, "end": 1.0}, {"word": "then", "start": 1.0, "end": 1.0}]
    (cue,) = _vtt(_transcript(segment))
    assert cue.raw_text == "<v SPEAKER_00>now then"
    assert (cue.start, cue.end) == ("00:00:01.000", "00:00:01.001")


def test_a_result_of_a_stranger_breaks_no_line() -> None:
    segment = _segment("a\nb c")
    segment["words"][0]["word"] = "a\n\n2\nb"
    segment["speaker"]["speaker_id"] = "x" * 100 + "\n\n7"
    transcript = _transcript(segment)
    (srt,), (vtt,) = _srt(transcript), _vtt(transcript)
    assert srt.text.replace("\n", " ").endswith(" 7: a 2 b b c")
    assert vtt.voice == "x" * 100 + " 7"
    assert write(transcript, TextFormat.TXT).count("\n") == 1


def test_hours_are_told() -> None:
    (cue,) = _srt(_transcript(_segment("late", 36_000.0)))
    assert (cue.start, cue.end) == ("10:00:00.000", "10:00:00.270")
