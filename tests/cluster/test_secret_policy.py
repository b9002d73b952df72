"""The Secrets that API and operator may write: those of source and upload URLs, which a VideoJob owns, and no other."""

import base64
import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ecg_contract.videojob.manifests import url_secret
from ecg_contract.videojob.names import (
    job_name,
    result_secret_name,
    source_secret_name,
    standby_job_name,
    standby_source_secret_name,
)
from ecg_contract.videojob.resource import Profile
from support.played_kubelet import Manifest, client
from support.release import Release

URL = "https://media.example/v.mp4?X-Amz-Signature=canary"
REFUSED = "Secrets"
_MERGE = {"content-type": "application/merge-patch+json"}


def _path(release: Release, name: str = "") -> str:
    return f"/api/v1/namespaces/{release.namespace}/secrets/{name}".rstrip("/")


def _source(videojob: Manifest) -> Manifest:
    name, uid = videojob["metadata"]["name"], videojob["metadata"]["uid"]
    return url_secret(source_secret_name(name, uid), name, uid, URL)


def _result(videojob: Manifest) -> Manifest:
    name, uid = videojob["metadata"]["name"], videojob["metadata"]["uid"]
    return url_secret(result_secret_name(job_name(name, uid, 1)), name, uid, URL, 1)


def _create(release: Release, account: str, secret: Manifest) -> httpx.Response:
    with client(release.plane, release.token(account)) as http:
        return http.post(_path(release), json=secret)


def _replace(release: Release, account: str, secret: Manifest) -> httpx.Response:
    with client(release.plane, release.token(account)) as http:
        return http.put(_path(release, secret["metadata"]["name"]), json=secret)


def _others(release: Release, **fields: Any) -> Manifest:
    """A Secret of somebody else in the same namespace."""
    name = f"database-{secrets.token_hex(4)}"
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"password": "canary"}}
    answer = release.admin.post(_path(release), json=secret | fields)
    answer.raise_for_status()
    return dict(answer.json())


def _as(release: Release, account: str) -> tuple[str, ...]:
    """The account with every right, so that only a policy can refuse it."""
    return f"--as=system:serviceaccount:{release.namespace}:{release.name}-{account}", "--as-group=system:masters"


def test_the_api_stores_and_renews_the_source_of_a_videojob(release: Release) -> None:
    secret = _source(release.videojob())
    assert _create(release, "api", secret).status_code == 201
    secret["stringData"] = {"url": URL + "2"}
    renewed = _replace(release, "api", secret)
    assert base64.b64decode(renewed.json()["data"]["url"]).decode() == URL + "2"


def test_the_operator_stores_renews_and_deletes_the_url_of_an_upload(release: Release) -> None:
    secret = _result(release.videojob())
    assert _create(release, "operator", secret).status_code == 201
    assert _replace(release, "operator", secret).status_code == 200
    with client(release.plane, release.token("operator")) as http:
        assert http.delete(_path(release, secret["metadata"]["name"])).status_code == 200


def test_the_operator_deletes_the_source_of_a_finished_videojob(release: Release) -> None:
    secret = _source(release.videojob())
    _create(release, "api", secret).raise_for_status()
    with client(release.plane, release.token("operator")) as http:
        assert http.delete(_path(release, secret["metadata"]["name"])).status_code == 200


Change = Callable[[Manifest], Any]


def _token(secret: Manifest) -> None:
    secret["type"] = "kubernetes.io/service-account-token"
    secret["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "default"}


FORGED: dict[str, Change] = {
    "a service account's token": _token,
    "another type": lambda s: s.update(type="Opaque"),
    "another name": lambda s: s["metadata"].update(name="ecg-callback"),
    "a made-up name": lambda s: s["metadata"].update(name="", generateName="x-"),
    "no owner": lambda s: s["metadata"].pop("ownerReferences"),
    "another kind of owner": lambda s: s["metadata"]["ownerReferences"][0].update(kind="Pod"),
    "another owner": lambda s: s["metadata"]["ownerReferences"][0].update(uid="other"),
    "a finalizer": lambda s: s["metadata"].update(finalizers=["example.com/keep"]),
}


@pytest.mark.parametrize("account", ["api", "operator"])
@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
def test_no_other_secret_can_be_created(release: Release, account: str, change: Change) -> None:
    secret = _source(release.videojob())
    change(secret)
    answer = _create(release, account, secret)
    assert answer.status_code == 422, answer.text
    assert REFUSED in answer.json()["message"]


def test_the_api_writes_no_upload_url(release: Release) -> None:
    assert _create(release, "api", _result(release.videojob())).status_code == 422


@pytest.mark.parametrize("account", ["api", "operator"])
def test_anothers_secret_is_neither_read_nor_changed_by_a_patch(release: Release, account: str) -> None:
    """A patch, an empty one too, is answered with the whole object."""
    name = _others(release)["metadata"]["name"]
    with client(release.plane, release.token(account)) as http:
        answer = http.patch(_path(release, name), json={}, headers=_MERGE)
    assert answer.status_code == 403, answer.text
    output = release.plane.kubectl(
        "patch", "secret", name, "-n", release.namespace, "-p={}", "-o", "yaml", *_as(release, account), check=False
    )
    assert REFUSED in output
    assert base64.b64encode(b"canary").decode() not in output


@pytest.mark.parametrize("account", ["api", "operator"])
def test_anothers_secret_that_has_the_right_name_is_not_replaced(release: Release, account: str) -> None:
    secret = _source(release.videojob())
    _others(release, metadata={"name": secret["metadata"]["name"]}, type=secret["type"])
    answer = _replace(release, account, secret)
    assert answer.status_code == 422, answer.text
    assert REFUSED in answer.json()["message"]


def test_the_operator_does_not_delete_anothers_secret(release: Release) -> None:
    name = _others(release)["metadata"]["name"]
    with client(release.plane, release.token("operator")) as http:
        assert http.delete(_path(release, name)).status_code == 422
    assert release.admin.get(_path(release, name)).status_code == 200


def test_a_videojob_made_anew_does_not_take_over_the_old_ones_secret(release: Release) -> None:
    old = release.videojob()
    _create(release, "api", _source(old)).raise_for_status()
    release.videojobs.delete(old["metadata"]["name"])
    new = _source(release.videojob(old["metadata"]["name"]))
    assert new["metadata"]["name"] != _source(old)["metadata"]["name"]
    assert _create(release, "api", new).status_code == 201


@pytest.mark.parametrize("name_of", [result_secret_name, standby_source_secret_name])
def test_the_operator_writes_the_urls_of_a_standby_job_and_the_api_does_not(
    release: Release, name_of: Callable[[str], str]
) -> None:
    metadata = release.videojob()["metadata"]
    name = name_of(standby_job_name(Profile.CPU, secrets.token_hex(4)))
    secret = url_secret(name, metadata["name"], metadata["uid"], URL, 1)
    assert _create(release, "api", secret).status_code == 422
    assert _create(release, "operator", secret).status_code == 201
    other = url_secret(f"x-{name}", metadata["name"], metadata["uid"], URL, 1)
    assert _create(release, "operator", other).status_code == 422
