"""Manifests of the objects that a VideoJob owns: common labels, owner reference, URL Secrets. Pure."""

from typing import Any

from ecg_contract.videojob.names import ATTEMPT_LABEL, SECRET_TYPE, SOURCE_KEY, VIDEOJOB_LABEL, VIDEOJOB_UID_LABEL
from ecg_contract.videojob.resource import API_VERSION, KIND

Manifest = dict[str, Any]


def labels(videojob: str, uid: str, attempt: int | None = None) -> dict[str, str]:
    """Labels of an object of a VideoJob, or of one attempt."""
    number = {ATTEMPT_LABEL: str(attempt)} if attempt is not None else {}
    return {VIDEOJOB_LABEL: videojob, VIDEOJOB_UID_LABEL: uid, **number}


def owned_metadata(name: str, videojob: str, uid: str, attempt: int | None = None) -> Manifest:
    """Metadata of an object that the VideoJob owns, so that it is garbage-collected with it."""
    owner = {"apiVersion": API_VERSION, "kind": KIND, "name": videojob, "uid": uid}
    return {"name": name, "labels": labels(videojob, uid, attempt), "ownerReferences": [owner]}


def url_secret(name: str, videojob: str, uid: str, url: str, attempt: int | None = None) -> Manifest:
    """A Secret with a URL that contains a credential."""
    metadata = owned_metadata(name, videojob, uid, attempt)
    kind = {"apiVersion": "v1", "kind": "Secret", "type": SECRET_TYPE}
    return {**kind, "metadata": metadata, "stringData": {SOURCE_KEY: url}}
