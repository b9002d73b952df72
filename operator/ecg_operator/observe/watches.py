"""kopf's part: the watches on VideoJobs, their Jobs and their pods. A handler remembers and wakes, nothing else.

Low-level event handlers alone: change handlers would copy the spec into annotations and miss fast changes, daemons and
timers would need finalizers, and a deleted VideoJob must not hang while the operator is away.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import kopf

from ecg_contract.videojob.names import VIDEOJOB_LABEL
from ecg_contract.videojob.resource import GROUP, PLURAL, VERSION

Manifest = dict[str, Any]


class Listener(Protocol):
    """Is told of every object as it is now, and of every one that is gone."""

    def changed(self, kind: str, manifest: Manifest) -> None: ...

    def gone(self, kind: str, manifest: Manifest) -> None: ...


def registry(listener: Listener) -> kopf.OperatorRegistry:
    """Handlers that pass everything on to `listener`."""
    handlers = kopf.OperatorRegistry()

    def passing(kind: str) -> Callable[..., Awaitable[None]]:
        async def handle(event: Any, **_: object) -> None:  # asynchronous: kopf runs others in threads
            manifest = dict(event["object"])
            tell = listener.gone if event["type"] == "DELETED" else listener.changed
            tell(kind, manifest)

        return handle

    kopf.on.event(GROUP, VERSION, PLURAL, registry=handlers, id="videojobs")(passing("videojobs"))
    kopf.on.event("batch", "v1", "jobs", registry=handlers, id="jobs", labels={VIDEOJOB_LABEL: kopf.PRESENT})(
        passing("jobs")
    )
    kopf.on.event("", "v1", "pods", registry=handlers, id="pods", labels={VIDEOJOB_LABEL: kopf.PRESENT})(
        passing("pods")
    )
    kopf.on.login(registry=handlers)(_login)
    return handlers


class _NoComparison(kopf.DiffBaseStorage):
    """There are no change handlers: a copy of every object, to compare it with the last one, would be for nothing."""

    def build(self, *, body: kopf.Body, extra_fields: object = None) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, *, body: kopf.Body) -> None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        pass


def settings() -> kopf.OperatorSettings:
    """No writes of kopf's own, no look at the cluster's other resources."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.scanning.disabled = True
    chosen.peering.standalone = True
    chosen.persistence.diffbase_storage = _NoComparison()
    chosen.queueing.idle_timeout = 1.0
    chosen.watching.reconnect_backoff = 0.2
    chosen.watching.server_timeout = 240
    for resource in ("jobs", "pods"):
        chosen.watching.label_selectors[resource] = VIDEOJOB_LABEL
    return chosen


def quieten() -> None:
    """kopf logs a line for each event that it handles, and whole objects when it is told to be verbose."""
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)


def _login(**arguments: Any) -> object:
    return kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)
