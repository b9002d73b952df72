"""Conversion from `docker save`'s format to OCI's."""

import hashlib
import io
import json
import tarfile

from ecg_dev.images.archive import convert

TAG = "docker.io/library/thing:dev"
LAYERS = [b"the base", b"the code" * 1000]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def saved() -> bytes:
    """An image of two layers in `docker save`'s format: layers first, manifest last."""
    names = [f"{digest(layer)}.tar" for layer in LAYERS]
    configuration = json.dumps({"rootfs": {"diff_ids": [f"sha256:{digest(layer)}" for layer in LAYERS]}}).encode()
    manifest = [{"Config": f"{digest(configuration)}.json", "RepoTags": [TAG], "Layers": names}]
    files = dict(zip(names, LAYERS, strict=True))
    files |= {f"{digest(configuration)}.json": configuration, "manifest.json": json.dumps(manifest).encode()}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("legacy/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, f"../{names[0]}"
        tar.addfile(link)
    return stream.getvalue()


def converted(known: set[str]) -> dict[str, bytes]:
    archive = io.BytesIO()
    convert(io.BytesIO(saved()), archive, TAG, known)
    with tarfile.open(fileobj=io.BytesIO(archive.getvalue())) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]


def test_every_blob_is_under_its_digest_and_the_index_leads_to_all() -> None:
    files = converted(set())
    (entry,) = json.loads(files["index.json"])["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == TAG
    manifest = json.loads(files["blobs/" + entry["digest"].replace(":", "/")])
    described = [entry, manifest["config"], *manifest["layers"]]
    for blob in described:
        content = files["blobs/" + blob["digest"].replace(":", "/")]
        assert blob["digest"] == f"sha256:{digest(content)}"
        assert blob["size"] == len(content)
    assert [files["blobs/sha256/" + digest(layer)] for layer in LAYERS] == LAYERS
    assert len(files) == len(described) + len(["index.json", "oci-layout"])


def test_a_layer_that_the_reader_has_is_described_and_left_out() -> None:
    base, code = (f"sha256:{digest(layer)}" for layer in LAYERS)
    whole, files = converted(set()), converted({base})
    assert set(whole) - set(files) == {"blobs/" + base.replace(":", "/")}
    assert files["index.json"] == whole["index.json"], "the same image"
    assert "blobs/" + code.replace(":", "/") in files
