"""kopf's watches on VideoJobs, their Jobs and their pods: a handler updates the cache and wakes, nothing else.

Only low-level event handlers are used: change handlers would copy the spec into annotations and miss fast changes,
daemons and timers would need finalizers, and then a VideoJob could not be deleted while no operator runs.
"""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import kopf

from ecg_contract.videojob.names import VIDEOJOB_LABEL
from ecg_contract.videojob.resource import GROUP, PLURAL, VERSION
from ecg_operator.observe.cache import Cache, Store


def registry(cache: Cache) -> kopf.OperatorRegistry:
    """Handlers that bring the cache up to date."""
    handlers = kopf.OperatorRegistry()
    on_event = partial(kopf.on.event, registry=handlers)
    labels = {VIDEOJOB_LABEL: kopf.PRESENT}
    on_event(GROUP, VERSION, PLURAL, id="videojobs")(_handler(cache.videojobs))
    on_event("batch", "v1", "jobs", id="jobs", labels=labels)(_handler(cache.jobs))
    on_event("", "v1", "pods", id="pods", labels=labels)(_handler(cache.pods))
    kopf.on.login(registry=handlers)(_login)
    return handlers


def _handler(store: Store) -> Callable[..., Awaitable[None]]:
    async def handle(event: Any, **_: object) -> None:  # asynchronous: kopf runs other handlers in threads
        manifest = dict(event["object"])
        if event["type"] == "DELETED":
            store.drop(manifest["metadata"]["uid"])
        else:
            store.put(manifest)

    return handle


class _NoComparison(kopf.DiffBaseStorage):
    """Keeps no copies: without change handlers no object is compared with its last version."""

    def build(self, *, body: kopf.Body, extra_fields: object = None) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, *, body: kopf.Body) -> None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        pass


def settings() -> kopf.OperatorSettings:
    """kopf writes nothing itself, and does not scan the cluster's other resources."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.scanning.disabled = True
    chosen.peering.standalone = True
    chosen.process.ultimate_exiting_timeout = None  # it would kill the process ten minutes after a run's end
    chosen.persistence.diffbase_storage = _NoComparison()
    chosen.queueing.idle_timeout = 1.0
    chosen.watching.reconnect_backoff = 0.2
    chosen.watching.server_timeout = 240
    for resource in ("jobs", "pods"):
        chosen.watching.label_selectors[resource] = VIDEOJOB_LABEL
    return chosen


def quieten() -> None:
    """Silence kopf below WARNING: it logs a line for each event, and whole objects at DEBUG."""
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)


def _login(**arguments: Any) -> object:
    return kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)
