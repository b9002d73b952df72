"""Measures when each milestone between the POST of a video and its result is reached, by watching the cluster."""

import json
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx

from ecg_contract.videojob.names import VIDEOJOB_LABEL
from ecg_dev.control_plane.api_access import ApiAccess
from support.conditions import holds
from support.played_kubelet import client

Manifest = dict[str, Any]
Milestone = tuple[str, Callable[[Manifest], object]]


def _container_started(pod: Manifest) -> bool:
    return any(s.get("started") or s["state"].get("terminated") for s in pod["status"].get("containerStatuses") or [])


class Timeline:
    """The milestones of one VideoJob. `seconds` has the time of each, from entering the context on."""

    def __init__(self, server: ApiAccess, namespace: str, videojob: str) -> None:
        self.began = 0.0
        self.seconds: dict[str, float] = {}
        self._admin = client(server)
        labelled = f"labelSelector={VIDEOJOB_LABEL}%3D{videojob}"
        core, batch = f"/api/v1/namespaces/{namespace}", f"/apis/batch/v1/namespaces/{namespace}"
        jobs = f"/apis/ecg-analyzer.io/v1alpha1/namespaces/{namespace}/videojobs"
        watched: list[tuple[str, list[Milestone]]] = [
            (f"{batch}/jobs?{labelled}", [("Job created", lambda _: True)]),
            (
                f"{core}/pods?{labelled}",
                [("pod scheduled", lambda p: holds(p, "PodScheduled")), ("container started", _container_started)],
            ),
            (
                f"{jobs}?fieldSelector=metadata.name%3D{videojob}",
                [
                    ("first report", lambda v: (v.get("status") or {}).get("pipeline")),
                    ("result", lambda v: (v.get("status") or {}).get("completionTime")),
                ],
            ),
        ]
        self._threads = [threading.Thread(target=self._follow, args=entry, daemon=True) for entry in watched]

    def since(self, moment: float) -> float:
        """Seconds from entering the context to `moment`, a value of time.time()."""
        return moment - self.began

    def __enter__(self) -> Self:
        self.began = time.time()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for thread in self._threads:
            thread.join(30 if kind is None else 0)
        self._admin.close()

    def _follow(self, path: str, milestones: list[Milestone]) -> None:
        """Watch `path` until all milestones were seen."""
        missing = list(milestones)
        try:
            with self._admin.stream("GET", f"{path}&watch=1&timeoutSeconds=120", timeout=130) as answer:
                for line in answer.iter_lines():
                    found = json.loads(line)["object"]
                    for milestone in [m for m in missing if m[1](found)]:
                        self.seconds[milestone[0]] = self.since(time.time())
                        missing.remove(milestone)
                    if not missing:
                        return
        except httpx.HTTPError:
            return  # milestones that were not seen stay out of `seconds`
