"""The chart's Roles, tested with real requests: each is either granted or refused with a 403."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from support.played_kubelet import client
from support.release import Release

READ = frozenset({"get", "list", "watch"})
_METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETE"}
ALL = READ | frozenset(_METHODS)

CATALOGUE = (
    "ecg-analyzer.io/v1alpha1/videojobs",
    "ecg-analyzer.io/v1alpha1/videojobs/status",
    "batch/v1/jobs",
    "apps/v1/deployments",
    "v1/pods",
    "v1/pods/exec",
    "v1/pods/log",
    "v1/secrets",
    "v1/configmaps",
    "v1/events",
    "v1/services",
    "v1/serviceaccounts",
    "v1/serviceaccounts/token",
    "coordination.k8s.io/v1/leases",
    "rbac.authorization.k8s.io/v1/roles",
    "rbac.authorization.k8s.io/v1/rolebindings",
)

GRANTED: dict[str, dict[str, frozenset[str]]] = {
    "api": {
        "ecg-analyzer.io/v1alpha1/videojobs": READ | {"create", "patch", "delete"},
        "v1/secrets": frozenset({"create", "update"}),
        "v1/configmaps": frozenset({"get"}),
    },
    "operator": {
        "ecg-analyzer.io/v1alpha1/videojobs": READ | {"delete"},
        "ecg-analyzer.io/v1alpha1/videojobs/status": frozenset({"update", "patch"}),
        "batch/v1/jobs": READ | {"create", "delete", "patch"},
        "v1/pods": READ | {"patch"},
        "v1/secrets": frozenset({"create", "update", "delete", "get"}),
        "v1/configmaps": frozenset({"get", "list", "delete"}),
        "v1/events": frozenset({"list", "watch", "create"}),
        "coordination.k8s.io/v1/leases": frozenset({"create"}),
    },
    "pipeline": {
        "ecg-analyzer.io/v1alpha1/videojobs/status": frozenset({"patch"}),
        "v1/configmaps": frozenset({"create"}),
    },
}


@dataclass(frozen=True)
class Asking:
    """Sends requests about an object that does not exist: 404 or 400 if they are allowed, 403 if not."""

    release: Release
    http: httpx.Client

    def may(self, verb: str, resource: str, *, name: str = "none", namespace: str | None = None) -> bool:
        kind, _, part = self._split(resource)
        on_all = verb in ("list", "watch", "deletecollection")
        if part and on_all:
            return False  # subresources have no such requests
        collection = self._path(resource, namespace or self.release.namespace) + kind
        item = "/".join(filter(None, [collection, name, part]))
        path = collection if on_all or (verb == "create" and not part) else item
        answer = self._send(verb, path)
        return answer.status_code != 403 or "cannot" not in answer.text

    def _send(self, verb: str, path: str) -> httpx.Response:
        if verb in READ:
            query = {"watch": "1", "timeoutSeconds": "1"} if verb == "watch" else {}
            return self.http.get(path, params=query)
        headers = {"content-type": "application/merge-patch+json" if verb == "patch" else "application/json"}
        return self.http.request(_METHODS[verb], path, params={"dryRun": "All"}, headers=headers, content="{}")

    @staticmethod
    def _split(resource: str) -> tuple[str, str, str]:
        """`v1/pods/log` is (pods, v1, log)."""
        parts = resource.split("/")
        at = 1 if parts[0] == "v1" else 2
        return parts[at], "/".join(parts[:at]), "/".join(parts[at + 1 :])

    def _path(self, resource: str, namespace: str) -> str:
        _, version, _ = self._split(resource)
        root = "/api/v1" if version == "v1" else f"/apis/{version}"
        return f"{root}/namespaces/{namespace}/"


@pytest.fixture(params=["api", "operator", "pipeline"])
def component(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def asking(release: Release, component: str) -> Iterator[Asking]:
    with client(release.plane, release.token(component)) as http:
        yield Asking(release, http)


def test_a_role_grants_what_is_listed_and_nothing_else(asking: Asking, component: str) -> None:
    found = {resource: frozenset(v for v in ALL if asking.may(v, resource)) for resource in CATALOGUE}
    assert {resource: verbs for resource, verbs in found.items() if verbs} == GRANTED[component]


def test_no_role_reaches_another_namespace(asking: Asking) -> None:
    found = [(v, r) for r in CATALOGUE for v in ("get", "list", "create") if asking.may(v, r, namespace="default")]
    assert found == []


def test_no_role_reaches_what_belongs_to_the_cluster(asking: Asking) -> None:
    paths = ("api/v1/nodes", "api/v1/namespaces", "apis/apiextensions.k8s.io/v1/customresourcedefinitions")
    policies = "apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    assert {asking.http.get(f"/{path}").status_code for path in (*paths, policies)} == {403}


def test_the_operator_renews_its_own_lease_alone(release: Release) -> None:
    with client(release.plane, release.token("operator")) as http:
        asking, leases = Asking(release, http), "coordination.k8s.io/v1/leases"
        own = f"{release.name}-operator"
        assert {v for v in ALL if asking.may(v, leases, name=own)} == {"create", "get", "update"}
        assert {v for v in ALL if asking.may(v, leases, name="kube-scheduler")} == {"create"}
