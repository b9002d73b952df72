"""Converts a stream in `docker save`'s format to a stream in OCI's, without temporary files.

Layers that the reader already has are left out, which `docker save`'s format does not allow.
"""

import hashlib
import io
import json
import tarfile
from typing import IO, Any

_DOCKER = "application/vnd.docker"
_MANIFEST = f"{_DOCKER}.distribution.manifest.v2+json"
_CONFIGURATION = f"{_DOCKER}.container.image.v1+json"
_LAYER = f"{_DOCKER}.image.rootfs.diff.tar"


def convert(saved: IO[bytes], archive: IO[bytes], tag: str, known: set[str]) -> None:
    """Writes the one image in `saved` to `archive` as `tag`, without the layers whose digests are `known`."""
    sizes: dict[str, int] = {}
    small: dict[str, bytes] = {}
    with (
        tarfile.open(fileobj=saved, mode="r|", bufsize=1 << 20) as source,
        tarfile.open(fileobj=archive, mode="w|", bufsize=1 << 20) as target,
    ):
        for entry in source:
            content = source.extractfile(entry) if entry.isfile() else None
            if content is None:
                continue
            if not entry.name.endswith(".tar"):
                small[entry.name] = content.read()
                continue
            digest = f"sha256:{entry.name.removesuffix('.tar')}"  # of the uncompressed layer, which this is
            sizes[digest] = entry.size
            if digest not in known:
                target.addfile(_header(_path(digest), entry.size), content)
        _finish(target, tag, small, sizes)


def _finish(target: tarfile.TarFile, tag: str, small: dict[str, bytes], sizes: dict[str, int]) -> None:
    saved = json.loads(small["manifest.json"])[0]
    layers = [f"sha256:{name.removesuffix('.tar')}" for name in saved["Layers"]]
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _blob(target, small[saved["Config"]], _CONFIGURATION),
        "layers": [{"mediaType": _LAYER, "digest": digest, "size": sizes[digest]} for digest in layers],
    }
    described = _blob(target, json.dumps(manifest).encode(), _MANIFEST)
    names = {"org.opencontainers.image.ref.name": tag, "io.containerd.image.name": tag}
    index = {"schemaVersion": 2, "manifests": [described | {"annotations": names}]}
    _add(target, "index.json", json.dumps(index).encode())
    _add(target, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')


def _blob(target: tarfile.TarFile, content: bytes, media_type: str) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    _add(target, _path(digest), content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _add(target: tarfile.TarFile, name: str, content: bytes) -> None:
    target.addfile(_header(name, len(content)), io.BytesIO(content))


def _header(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry
