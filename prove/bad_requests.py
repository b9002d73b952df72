"""Bad requests, generated with a seed: bodies, ids, headers, and URLs that lead inside."""

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from canary import own_addresses

PATHS = ("/api/upload-video/process-video", "/transcribe")
_VALUES: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    2**70,
    1e308,
    "",
    " ",
    "\x00",
    "a" * 5000,
    "\ud800",
    [],
    {},
    [[[]]],
    "../../etc/passwd",
)
_FIELDS = ("job_id", "video_url", "fastapi_base_url", "language", "enable_gpu", "max_workers", "emotion_detection")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


def bad_bodies(seed: int) -> Iterator[Asked]:
    chance = random.Random(seed)
    whole = {"job_id": "b", "video_url": "https://media.invalid/v.mp4"}
    texts = [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe{}", b"[" * 20_000, b'{"a":' * 5_000, b"{}" * 10, b"NaN"]
    texts += [b'{"job_id":"a","job_id":"b"}', b"1" * 10_000, b" " * 70_000, json.dumps(whole).encode("utf-16")]
    texts += [json.dumps(whole).encode()[: chance.randrange(1, 40)] for _ in range(6)]
    for path in PATHS:
        for text in texts:
            yield Asked("POST", path, text)
        for name in _FIELDS:
            for value in chance.sample(_VALUES, 6):
                yield Asked("POST", path, json.dumps({**whole, "job_id": str(uuid.uuid4()), name: value}).encode())
    for name in ("text/plain", "application/xml", "multipart/form-data", "multipart/form-data; boundary=B", "\x7f", ""):
        yield Asked(
            "POST", "/transcribe", b'--B\r\nContent-Disposition: form-data; name="f"\r\n\r\n', {"content-type": name}
        )


def bad_ids(seed: int) -> Iterator[Asked]:
    chance = random.Random(seed)
    ids = [
        "..",
        ".",
        "%00",
        "%2e%2e%2f",
        "%ff%fe",
        "a%0d%0aX:y",
        "x" * 5000,
        "%",
        "%zz",
        "//",
        ";",
        "%5c",
        "*",
        "\u202e",
    ]
    ids += ["".join(chr(chance.randrange(33, 0x2FFF)) for _ in range(8)) for _ in range(12)]
    for job_id in ids:
        for method, end in (("GET", ""), ("GET", "/result"), ("DELETE", ""), ("POST", "/redeliver")):
            yield Asked(method, f"/jobs/{quote(job_id, safe='%/;*.')}{end}")


def bad_headers() -> Iterator[Asked]:
    body = json.dumps({"job_id": "h", "video_url": "x"}).encode()
    for name, value in (
        ("host", "evil.example"), ("host", ""), ("origin", "http://evil.example"), ("accept", "x" * 4000),
        ("content-encoding", "gzip"), ("expect", "100-continue"), ("x-forwarded-for", "127.0.0.1"),
        ("authorization", "Basic !"), ("range", "bytes=0-"), ("content-type", "application/json; charset=nonsense"),
        ("cookie", "a" * 4000), ("x-forwarded-host", "169.254.169.254"), ("content-type", "application/json" * 100),
        ("upgrade", "h2c"), ("te", "trailers"),
    ):  # fmt: skip
        yield Asked("POST", PATHS[0], body, {"content-type": "application/json", name: value})


def bad_urls(port: int, redirect: str) -> Iterator[str]:
    """URLs that lead to this machine or nowhere; `redirect` redirects to what is quoted behind it."""
    inside = [f"http://{host}:{port}/v.mp4" for host in own_addresses()]
    yield from inside
    yield from (f"https://{host}:{port}/v.mp4" for host in own_addresses()[:8])
    yield from (redirect + quote(url, safe="") for url in inside)
    for scheme in ("file", "ftp", "gopher", "data", "concat", "tcp", "rtsp", "hls+http", "HTTP", "jar:http", "unix"):
        yield f"{scheme}://127.0.0.1:{port}/v.mp4"
    yield from (
        f"http://a@127.0.0.1:{port}/", f"http://media.example@127.0.0.1:{port}/", f"http:///127.0.0.1:{port}/",
        f"http:\\\\127.0.0.1:{port}\\", f"http://127.0.0.1:{port}#@media.example/", f"http://127.0.0.1\t:{port}/",
        f"//127.0.0.1:{port}/", f"http://[::1%25lo]:{port}/", f"http://127.0.0.1:{port}\r\nX: y/", "http://",
        "s3://127.0.0.1/key", f"s3://[::1]:{port}/key", "http://169.254.169.254/latest/", "http://10.0.0.1:9/",
        "http://[fd00:ec2::254]/", "http://media.invalid/v.mp4", "http://" + "a" * 300 + "/", "http://h:99999/",
        "http://.../", "http://xn--/", "/etc/passwd", "C:\\v.mp4", "",
    )  # fmt: skip
