"""VideoJobs of a namespace, accessed as an administrator."""

from base64 import b64decode
from typing import Any

import httpx

from ecg_contract.videojob.manifests import url_secret
from ecg_contract.videojob.names import SECRET_TYPE, source_secret_name
from ecg_dev.control_plane.api_access import ApiAccess
from ecg_dev.waiting import wait_until
from support.played_kubelet import Manifest, client


class VideoJobs:
    def __init__(self, plane: ApiAccess, namespace: str) -> None:
        self.namespace = namespace
        self._client = client(plane)
        self._path = f"/apis/ecg-analyzer.io/v1alpha1/namespaces/{namespace}/videojobs"

    def create(self, name: str, backend: str | None = None, **spec: Any) -> Manifest:
        callback = {"callback": {"baseUrl": backend}} if backend else {}
        source = {"source": {"url": "https://media.example/v.mp4"}}
        manifest = {
            "apiVersion": "ecg-analyzer.io/v1alpha1",
            "kind": "VideoJob",
            "metadata": {"name": name},
            "spec": {"jobId": name, **source, **callback, **spec},
        }
        return self._json(self._client.post(self._path, json=manifest))

    def create_signed(self, name: str, url: str, backend: str | None = None) -> str:
        """With a URL that is a credential, whose Secret follows, as the API writes it; returns that one's name."""
        uid = self.create(name, backend, source={"fromSecret": True})["metadata"]["uid"]
        secret = url_secret(source_secret_name(name, uid), name, uid, url)
        self._json(self._client.post(f"/api/v1/namespaces/{self.namespace}/secrets", json=secret))
        return str(secret["metadata"]["name"])

    def secret_urls(self) -> dict[str, str]:
        """The URLs in Secrets, by name."""
        found = [secret for secret in self.objects("secrets") if secret["type"] == SECRET_TYPE]
        return {secret["metadata"]["name"]: b64decode(secret["data"]["url"]).decode() for secret in found}

    def get(self, name: str) -> Manifest:
        return self._json(self._client.get(f"{self._path}/{name}"))

    def status(self, name: str) -> Manifest:
        return dict(self.get(name).get("status") or {})

    def exists(self, name: str) -> bool:
        return self._client.get(f"{self._path}/{name}").status_code == 200

    def patch(self, name: str, **spec: Any) -> None:
        headers = {"content-type": "application/merge-patch+json"}
        self._json(self._client.patch(f"{self._path}/{name}", json={"spec": spec}, headers=headers))

    def delete(self, name: str) -> None:
        self._json(self._client.delete(f"{self._path}/{name}"))

    def all(self) -> list[Manifest]:
        return list(self._json(self._client.get(self._path))["items"])

    def jobs(self) -> list[Manifest]:
        return list(self._json(self._client.get(f"/apis/batch/v1/namespaces/{self.namespace}/jobs"))["items"])

    def suspend_job(self, name: str, *, suspend: bool) -> None:
        """As a queue such as Kueue does."""
        path = f"/apis/batch/v1/namespaces/{self.namespace}/jobs/{name}"
        headers = {"content-type": "application/merge-patch+json"}
        self._json(self._client.patch(path, json={"spec": {"suspend": suspend}}, headers=headers))

    def objects(self, kind: str) -> list[Manifest]:
        """Objects of the core group; `kind` is the resource's plural name."""
        return list(self._json(self._client.get(f"/api/v1/namespaces/{self.namespace}/{kind}"))["items"])

    def delete_object(self, kind: str, name: str) -> None:
        self._json(self._client.delete(f"/api/v1/namespaces/{self.namespace}/{kind}/{name}"))

    def set_quota(self, resource: str, hard: str) -> None:
        """Create a ResourceQuota `none`; returns once it is enforced."""
        path = f"/api/v1/namespaces/{self.namespace}/resourcequotas"
        quota = {"metadata": {"name": "none"}, "spec": {"hard": {resource: hard}}}
        self._json(self._client.post(path, json=quota))
        wait_until(lambda: self._json(self._client.get(f"{path}/none")).get("status", {}).get("hard"), 30)

    def events(self, name: str) -> list[tuple[str, str]]:
        """Reasons and messages of a VideoJob's Events, oldest first."""
        found = [e for e in self.objects("events") if e["involvedObject"]["name"] == name]
        return [(e["reason"], e["message"]) for e in sorted(found, key=lambda e: e["metadata"]["name"])]

    def condition(self, name: str, kind: str) -> tuple[str, str] | None:
        conditions = self.status(name).get("conditions") or []
        return next(((c["status"], c["reason"]) for c in conditions if c["type"] == kind), None)

    def wait_for_phase(self, name: str, phase: str, timeout: float = 30.0) -> Manifest:
        wait_until(lambda: self.status(name).get("phase") == phase, timeout, lambda: self.status(name))
        return self.status(name)

    def wait_for_condition(self, name: str, kind: str, status: str, reason: str, timeout: float = 30.0) -> None:
        wait_until(lambda: self.condition(name, kind) == (status, reason), timeout, lambda: self.status(name))

    @staticmethod
    def _json(answer: httpx.Response) -> Manifest:
        assert answer.is_success, answer.text
        return dict(answer.json())
