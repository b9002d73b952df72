"""What belongs to a VideoJob, as its makers have in common: labels to be found by, an owner to be gone with. Pure."""

from typing import Any

from ecg_contract.videojob.names import ATTEMPT_LABEL, SOURCE_KEY, VIDEOJOB_LABEL, VIDEOJOB_UID_LABEL
from ecg_contract.videojob.resource import API_VERSION, KIND

Manifest = dict[str, Any]


def labels(videojob: str, uid: str, attempt: int | None = None) -> dict[str, str]:
    """Of a VideoJob's object, or of one of its attempts'."""
    number = {ATTEMPT_LABEL: str(attempt)} if attempt is not None else {}
    return {VIDEOJOB_LABEL: videojob, VIDEOJOB_UID_LABEL: uid, **number}


def owned_metadata(name: str, videojob: str, uid: str, attempt: int | None = None) -> Manifest:
    """Metadata of an object called `name` that is gone when its VideoJob is."""
    owner = {"apiVersion": API_VERSION, "kind": KIND, "name": videojob, "uid": uid}
    return {"name": name, "labels": labels(videojob, uid, attempt), "ownerReferences": [owner]}


def url_secret(name: str, videojob: str, uid: str, url: str, attempt: int | None = None) -> Manifest:
    """The Secret of a URL that is a credential."""
    metadata = owned_metadata(name, videojob, uid, attempt)
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {SOURCE_KEY: url}}
