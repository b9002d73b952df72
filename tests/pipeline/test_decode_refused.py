"""Refusal of files that are not media, have no sound, or refer to other files."""

import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ecg_pipeline.media.decode import decode
from support.media_files import tone, write_video, write_wav
from support.media_outcome import refusal, seconds, written
from support.media_server import MediaServer, Reply


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.mp4", b"", "empty"),
        ("a.mp4", b"\n <!DOCTYPE html><html>", r"web page \(HTML\)"),
        ("a.mp4", b"\xef\xbb\xbf<HTML><body>", r"web page \(HTML\)"),
        ("a.mp4", b'<?xml version="1.0"?><Error/>', "XML"),
        ("a.mp4", b'{"error": "no"}', "JSON"),
        ("a.mp4", b"#EXTM3U\n#EXTINF:1,\nhttp://169.254.169.254/\n", "HLS"),
        ("a.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n", "list of files"),
        ("a.mp4", b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(1000), "without its index"),
        ("a.mp3", bytes(1000), "no known format"),
        ("a.txt", b"hello, world " * 1000, "no known format"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(1000), "no known format"),
        ("a.wav", b"RIFF\x24\x00\x00\x00WAVEfmt ", "no known format"),
    ],
)  # fmt: skip
def test_what_is_no_media_is_called_by_its_name(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    assert re.search(words, refusal(written(tmp_path / name, content)))


def test_a_video_without_sound_is_an_audio_extraction_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    message = refusal(write_video(tmp_path / "v.mp4", None, seconds=1.0))
    assert message == "오디오 추출 실패: the file has no audio track (only video)"
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == ["audio_extraction_failed"]


@pytest.mark.parametrize(
    "make",
    [
        lambda inside: f"#EXTM3U\n#EXTINF:5,\n{inside}\n".encode(),
        lambda inside: b"\x00#EXTM3U\n#EXTINF:5,\n" + f"{inside}\n".encode(),
        lambda inside: f"ffconcat version 1.0\nfile '{inside}'\n".encode(),
        lambda inside: f"# a comment\nffconcat version 1.0\nfile '{inside}'\n".encode(),
        lambda inside: f"<?xml version='1.0'?><MPD><BaseURL>{inside}</BaseURL></MPD>".encode(),
        lambda inside: (
            f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n{inside}".encode()
        ),
        lambda inside: f"[playlist]\nFile1={inside}\n".encode(),
    ],
    ids=["hls", "hls-hidden", "concat", "concat-hidden", "dash", "sdp", "pls"],
)
def test_no_playlist_opens_another_file_or_url(tmp_path: Path, make: Callable[[str], bytes]) -> None:
    inside = write_wav(tmp_path / "inside.wav", tone(1.0))
    with MediaServer() as server:
        url = server.serve("/inside.wav", Reply(body=inside.read_bytes()))
        for name in ("a.mp4", "a.m3u8", "a.ffconcat", "a.sdp"):
            refusal(written(tmp_path / name, make(str(inside))))
            refusal(written(tmp_path / name, make(url)))
    assert not server.requests


@pytest.mark.parametrize(
    "name", ["concat:a|b.mp4", "subfile,,start,0,end,9,,:a.mp4", "http:example.mp4", "%d.mp4", "-"]
)
def test_a_files_name_is_no_protocol(tmp_path: Path, name: str) -> None:
    path = write_wav(tmp_path / "a.wav", tone(1.0)).rename(tmp_path / name)
    assert seconds(decode(path)) == 1.0
