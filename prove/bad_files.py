"""Bad media files, generated with a seed: cut, damaged, of other types, and with references inside."""

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from support.media_files import tone, write_silence, write_sound, write_video

CUTS, DAMAGES = 6, 6


def bad_files(folder: Path, seed: int, canary_port: int) -> Iterator[tuple[str, bytes]]:
    """Names and contents."""
    chance = random.Random(seed)
    for path in _whole(folder):
        content = path.read_bytes()
        for number in range(CUTS):
            yield f"cut-{number}-{path.name}", content[: chance.randrange(len(content))]
        for number in range(DAMAGES):
            yield f"damaged-{number}-{path.name}", _damaged(content, chance)
    for target in _targets(canary_port):
        for name, text in _references(target):
            yield f"{name}", text.encode()
    yield from _others(chance)
    yield "long.flac", write_silence(folder / "long.flac", 1.0).read_bytes()


def _whole(folder: Path) -> list[Path]:
    videos = [write_video(folder / f"v.{kind}", tone(2.0, 44100)) for kind in ("mp4", "mkv", "ts", "avi", "mov")]
    sounds = [("flac", "flac"), ("wav", "pcm_s16le"), ("aac", "aac"), ("ogg", "flac")]
    return videos + [write_sound(folder / f"s.{kind}", tone(2.0, 44100), 44100, codec=codec) for kind, codec in sounds]


def _damaged(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 20, 500))):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return bytes(damaged)


def _targets(port: int) -> list[str]:
    return [f"http://127.0.0.1:{port}/a", f"tcp://[::1]:{port}", f"rtmp://127.0.0.1:{port}/a", "file:///etc/passwd"]


def _references(target: str) -> Iterator[tuple[str, str]]:
    yield "list.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n"
    yield "key.m3u8", f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXTINF:5,\na.ts\n'
    yield "hidden.mp4", f"\0#EXTM3U\n#EXTINF:5,\n{target}\n"
    yield "list.ffconcat", f"ffconcat version 1.0\nfile '{target}'\n"
    yield "comment.ffconcat", f"# x\nffconcat version 1.0\nfile '{target}'\n"
    yield "dash.mpd", f"<?xml version='1.0'?><MPD><Period><BaseURL>{target}</BaseURL></Period></MPD>"
    yield "list.pls", f"[playlist]\nFile1={target}\nNumberOfEntries=1\n"
    yield "list.asx", f"<asx version='3.0'><entry><ref href='{target}'/></entry></asx>"
    yield "s.sdp", f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\na=control:{target}\nm=audio 9 RTP/AVP 0\n"
    yield "p.svg", f"<svg xmlns='http://www.w3.org/2000/svg'><image href='{target}'/></svg>"
    yield "concat.mp4", f"concat:{target}|{target}"
    yield "sub.mp4", f"subfile,,start,0,end,0,,:{target}"


def _others(chance: random.Random) -> Iterator[tuple[str, bytes]]:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("v.mp4", bytes(50_000_000))
    yield "bomb.zip", zipped.getvalue()
    yield "bomb.mp4", gzip.compress(bytes(50_000_000))
    yield "compressed-index.mov", _compressed_index()
    yield "empty.mp4", b""
    yield "page.mp4", b"<!doctype html><html>sign in</html>"
    for number, head in enumerate(
        (b"", b"RIFF", b"ID3\4\0", b"OggS\0", b"fLaC\0", b"\x1aE\xdf\xa3", b"\xff\xfb\x90", b"\x89PNG")
    ):
        yield f"random-{number}.bin", head + chance.randbytes(30_000)
    for rate, channels, bits in ((1, 1, 16), (2**32 - 1, 1, 16), (16000, 65535, 16), (16000, 0, 16), (16000, 1, 0)):
        yield f"head-{rate}-{channels}-{bits}.wav", _wav(rate, channels, bits)
    for size in (0, 1, 7, 2**31, 2**32 - 1):
        yield (
            f"atom-{size}.mp4",
            struct.pack(">I", 24) + b"ftypisom" + bytes(12) + struct.pack(">I", size) + b"moov" + bytes(90),
        )


def _wav(rate: int, channels: int, bits: int) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate, channels * bits // 8 % 65536, bits)
    return (
        b"RIFF" + struct.pack("<I", 2**32 - 1) + b"WAVE" + form + b"data" + struct.pack("<I", 2**32 - 1) + bytes(4000)
    )


def _compressed_index() -> bytes:
    """A QuickTime file whose index is 100 MB of zeros, compressed."""
    packed = zlib.compress(bytes(100_000_000), 9)
    inner = _atom(b"dcom", b"zlib") + _atom(b"cmvd", struct.pack(">I", 100_000_000) + packed)
    return _atom(b"ftyp", b"qt  " + bytes(8)) + _atom(b"moov", _atom(b"cmov", inner))


def _atom(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content
