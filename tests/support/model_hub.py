"""A server that plays the model hub for the libraries and for the pipeline: repositories, gates, and faults on demand.

It answers what huggingface_hub 0.36 and the pipeline's own client ask for: the description of a revision, its tree, and
files; large ones by a redirect to another host name, as the hub's do. It listens as a proxy, too, and notes who else is
called. Tokens: CONSENTING may have gated models, STRANGER has not accepted their conditions, others are wrong.
"""

import hashlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from support.hub_models import DIARIZATION, hub_models
from support.program import environment_without

CONSENTING, STRANGER = "hf_consenting", "hf_stranger"
_LARGE = (".bin", ".safetensors", ".npz", ".h5")
_API = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)(?:/(?:revision|tree)/(?P<rev>[^/]+))?(?P<rest>/.*)?")
_FILE = re.compile(r"(?P<cdn>/cdn)?/(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<file>.+)")
Kind = Literal["cut", "reset", "stall", "slow", "short", "corrupt", "hang", "status"]


class Request(NamedTuple):
    """A request that arrived; `status` is None where none was answered."""

    method: str
    path: str
    token: str | None
    status: int | None


@dataclass
class Fault:
    """What happens to requests for files whose `repo/file` contains `match`; a listing's is `repo/(listing)`."""

    kind: Kind
    match: str = ""
    after: int = 1000
    """Bytes that arrive before it happens, in each answer."""
    times: int = 10**9
    """How many requests it befalls."""
    status: int = 503
    bytes_per_s: int = 200_000


@dataclass
class ModelHub:
    """A context in which the hub answers at `url`."""

    root: Path = field(default_factory=hub_models)
    host: str = "127.0.0.1"
    gated: set[str] = field(default_factory=lambda: {DIARIZATION})
    requests: list[Request] = field(default_factory=list)
    tokens: dict[str, bool] = field(default_factory=lambda: {CONSENTING: True, STRANGER: False})
    """Whether the owner of a token accepted the conditions."""

    def __post_init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self.is_over = threading.Event()
        self._server = _Server((self.host, 0), self)
        self._address = self._server.server_address
        self.url = f"http://{self.host}:{self._address[1]}"

    def __enter__(self) -> "ModelHub":
        self._serve()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self._close()

    @property
    def other_name(self) -> str:
        """Another name of the host on this machine; elsewhere there is none."""
        return "localhost" if self.host == "127.0.0.1" else self.host

    def break_down(self, *faults: Fault) -> None:
        """From now on `faults` happen, and no others; without any the hub is healthy. Forgets the requests so far."""
        self._faults = list(faults)
        self.requests.clear()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Connections are refused meanwhile."""
        self._close()
        try:
            yield
        finally:
            self._server = _Server(self._address, self)
            self._serve()

    def fault_of(self, what: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.match in what and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def files(self, repo: str) -> list[str]:
        folder = self.root / repo
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    def asked(self, text: str = "") -> list[Request]:
        """The requests whose path contains `text`."""
        return [request for request in self.requests if text in request.path]

    def _serve(self) -> None:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def _close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: Any, hub: ModelHub) -> None:
        self.hub = hub
        super().__init__(address, _Handler)

    def handle_error(self, *_: object) -> None:
        """A client that left is no error."""


def hub_environment(hub: ModelHub, home: Path, **more: str) -> dict[str, str]:
    """The environment of a process with the default models, whose cache is in `home`."""
    own = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_TOKEN": CONSENTING, "HUB_TIMEOUT_S": "2"}
    settings = {"ASR_CHUNK_SIZE": "4", "ASR_COMPUTE_TYPE": "int8", "PROGRESS_SECONDS": "0.2"}
    left_out = ("HF_", "TRANSFORMERS_OFFLINE", "ASR_", "ALIGN_", "EMOTION_", "DIARIZATION_", "HUB_")
    return {**environment_without(*left_out), **own, **settings, **more}


def commit_of(repo: str) -> str:
    return hashlib.sha1(repo.encode()).hexdigest()


def digest_of(path: Path) -> str:
    """As the hub names a file: SHA-256 of a large one, git's SHA-1 of a small one."""
    content = path.read_bytes()
    if is_large(path.name):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_large(name: str) -> bool:
    return name.endswith(_LARGE)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._sent: int | None = None
        try:
            with suppress(OSError):
                self._answer(unquote(urlsplit(self.path).path))
        finally:
            token = (self.headers.get("authorization") or "").removeprefix("Bearer ") or None
            self.server.hub.requests.append(Request(self.command, self.path, token, self._sent))

    do_HEAD = do_POST = do_CONNECT = do_GET  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""

    def send_response(self, code: int, message: str | None = None) -> None:
        self._sent = code
        super().send_response(code, message)

    def _answer(self, path: str) -> None:
        hub = self.server.hub
        api, file = _API.fullmatch(path), _FILE.fullmatch(path)
        found = api or file
        if found is None:
            self._reply(404)
            return
        repo, name = found["repo"], file["file"] if file else "(listing)"
        fault = hub.fault_of(f"{repo}/{name}") if not file or file["cdn"] or not is_large(name) else None
        if fault and fault.kind == "hang":
            hub.is_over.wait(60)
            self.close_connection = True
        elif fault and fault.kind == "status":
            self._reply(fault.status)
        elif self._is_refused(repo, is_file=bool(file and not file["cdn"])):
            pass
        elif found["rev"] not in (None, "main", commit_of(repo)):
            self._reply(404, code="RevisionNotFound")
        elif file:
            self._file(repo, name, fault, is_cdn=bool(file["cdn"]))
        else:
            self._listing(repo, is_tree="/tree/" in path)

    def _is_refused(self, repo: str, *, is_file: bool) -> bool:
        hub = self.server.hub
        token = (self.headers.get("authorization") or "").removeprefix("Bearer ") or None
        if token is not None and token not in hub.tokens:
            self._reply(401)
        elif not (hub.root / repo).is_dir():
            self._reply(404 if token else 401, code="RepoNotFound")
        elif is_file and repo in hub.gated and token is None:
            self._reply(401, code="GatedRepo")
        elif is_file and repo in hub.gated and not hub.tokens[token or ""]:
            self._reply(403, code="GatedRepo")
        else:
            return False
        return True

    def _listing(self, repo: str, *, is_tree: bool) -> None:
        rows = []
        for name in self.server.hub.files(repo):
            path = self.server.hub.root / repo / name
            size, digest = path.stat().st_size, digest_of(path)
            large = {"sha256": digest, "oid": digest, "size": size, "pointerSize": 130} if is_large(name) else None
            row = {"rfilename": name, "path": name, "type": "file", "size": size, "blobId": digest[:40]}
            rows.append({**row, "oid": digest[:40], **({"lfs": large} if large else {})})
        body: Any = rows
        if not is_tree:
            body = {"id": repo, "modelId": repo, "sha": commit_of(repo), "tags": [], "siblings": rows, "downloads": 1}
        self._reply(200, json.dumps(body).encode())

    def _file(self, repo: str, name: str, fault: Fault | None, *, is_cdn: bool) -> None:
        path = self.server.hub.root / repo / name
        head = {"X-Repo-Commit": commit_of(repo), "Accept-Ranges": "bytes"}
        if not path.is_file():
            self._reply(404, code="EntryNotFound", headers=head)
            return
        content, digest = path.read_bytes(), digest_of(path)
        if is_large(name) and not is_cdn:
            port = self.server.server_address[1]
            place = f"http://{self.server.hub.other_name}:{port}/cdn/{repo}/resolve/{commit_of(repo)}/{name}"
            linked = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content)), "Location": place}
            self._reply(302, headers={**head, **linked})
            return
        first = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        start = int(first[1]) if first else 0
        if start:
            head["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:]
        if fault and fault.kind == "corrupt":
            body = bytes(len(body))
        if fault and fault.kind == "short":
            body = body[: fault.after]
        self.send_response(206 if start else 200)
        for key, value in {**head, "ETag": f'"{digest}"', "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send(body, fault)

    def _send(self, body: bytes, fault: Fault | None) -> None:
        if fault is None or fault.kind in ("corrupt", "short"):
            self.wfile.write(body)
        elif fault.kind == "slow":
            piece = fault.bytes_per_s // 10
            for first in range(0, len(body), piece):
                self.wfile.write(body[first : first + piece])
                time.sleep(0.1)
        else:
            self._break_off(body[: fault.after], fault.kind)

    def _break_off(self, body: bytes, kind: Kind) -> None:
        self.wfile.write(body)
        self.close_connection = True
        if kind == "stall":
            self.server.hub.is_over.wait(60)
        elif kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _reply(self, status: int, body: bytes = b"", *, code: str = "", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {**(headers or {}), **({"X-Error-Code": code} if code else {})}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
