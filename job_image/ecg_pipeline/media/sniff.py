"""Recognizes files that are not media, such as a login page that a server sent instead."""

from pathlib import Path

_HEAD = 1024
_TEXTS = {
    b"#extm3u": "an HLS playlist (m3u8), whose parts are not fetched; give the URL of one media file",
    b"<?xml": "an XML text (an error message or a DASH manifest), not media",
    b"<!doctype": "a web page (HTML), not media; the URL may lead to a login or preview page",
    b"<html": "a web page (HTML), not media; the URL may lead to a login or preview page",
    b"<head": "a web page (HTML), not media; the URL may lead to a login or preview page",
    b"{": "a JSON text, not media",
    b"ffconcat": "a list of files, not media",
}


def not_media_reason(path: Path) -> str | None:
    """Why the file is not media, from its first bytes; None when it may be media."""
    head = _head(path)
    if not head:
        return "the file is empty"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    what = next((what for mark, what in _TEXTS.items() if text.startswith(mark)), None)
    return what and f"the file is {what}"


def is_mp4(path: Path) -> bool:
    """Whether it begins like an MP4 or QuickTime file."""
    return _head(path)[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


def wav_share_present(path: Path) -> float:
    """Share of the length declared in the WAV header that the file really has, at most 1."""
    head = _head(path)
    declared = int.from_bytes(head[4:8], "little") + 8
    is_unknown = head[:4] != b"RIFF" or declared >= 0xFFFF_FFFF or declared <= 44  # written to a pipe, or RF64
    return 1.0 if is_unknown else min(1.0, path.stat().st_size / declared)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)
