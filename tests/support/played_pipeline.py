"""Reports as a pipeline's pod would: the seven stages and a real result in ConfigMaps, through the API server.

The reports are sent with the pod's own token; a refusal ends the script as it would end the pod.
"""

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import httpx

from ecg_cluster.result_chunks import CHUNK_KEY, ConfigMapLocation, compressed
from ecg_contract.stages import Stage
from ecg_contract.videojob.names import ATTEMPT_LABEL, VIDEOJOB_LABEL, VIDEOJOB_UID_LABEL, result_chunk_prefix
from ecg_dev.waiting import wait_until
from support.played_kubelet import PlayedPod

RESULT = {
    "segments": [],
    "word_segments": [],
    "speakers": {},
    "text": "",
    "language": "en",
    "duration": 1.0,
    "metadata": {
        "model_version": "played",
        "processing_time": 0.1,
        "unique_speakers": 0,
        "total_segments": 0,
        "language_requested": "en",
        "language_detected": "en",
        "processing_mode": "targeted",
        "device": "cpu",
    },
}
_STAGES = tuple(Stage)


class FencedError(Exception):
    """The API server refused a report for good."""


class GoneError(FencedError):
    """The VideoJob was deleted; its pod is, too, before long."""


class PlayedPipeline:
    """One pod's work on its VideoJob."""

    def __init__(self, pod: PlayedPod) -> None:
        self.pod = pod
        self.videojob = str(pod.manifest["metadata"]["labels"][VIDEOJOB_LABEL])
        self.uid = str(pod.manifest["metadata"]["labels"][VIDEOJOB_UID_LABEL])
        self.task = json.loads(pod.annotations["ecg-analyzer.io/task"])
        self.job = self.task["job"]
        self.token = pod.token()
        self._stages: dict[str, Any] = {}
        self._is_assigned = False

    def reach(self, stage: Stage, **fields: Any) -> None:
        """Report that `stage` began, the download that it ended."""
        self._stages[stage.value] = {"startTime": _now()}
        if stage is Stage.DOWNLOAD:
            self._stages[stage.value]["completionTime"] = _now()
        self.report(stage=stage.value, progress=stage.progress, message=stage.message, **fields)

    def report(self, **fields: Any) -> None:
        """Not before the pod is assigned: without the chart's policies nothing refuses an earlier report.

        Raises FencedError.
        """
        self.wait_until_assigned()
        body = {"attempt": self.job["attempt"], "stages": self._stages, "heartbeatTime": _now(), **fields}
        answers: list[int] = []

        def accepted() -> bool:
            try:
                answer = self.pod.report(self.videojob, body, self.token)
            except httpx.TransportError:  # asked again, as the real one does
                return False
            answers.append(answer.status_code)
            if answer.status_code == 404:
                raise GoneError(answer.text)
            if answer.status_code == 401 or (answer.status_code == 422 and "no pod is" not in answer.text):
                raise FencedError(answer.text)
            return answer.status_code == 200

        wait_until(accepted, 30, lambda: answers[-3:])

    def wait_until_assigned(self) -> None:
        """Returns at once when it was assigned before, even if another pod is now. Raises GoneError."""
        if self._is_assigned:
            return

        def assigned() -> bool:
            path = f"/apis/ecg-analyzer.io/v1alpha1/namespaces/{self.pod.namespace}/videojobs/{self.videojob}"
            try:
                answer = self.pod.admin.get(path)
            except httpx.TransportError:
                return False
            if answer.status_code == 404:
                raise GoneError(answer.text)
            status = answer.json().get("status") or {}
            return bool((status.get("attempt") or {}).get("podUID") == self.pod.uid)

        wait_until(assigned, 30)
        self._is_assigned = True

    def store(self, data: bytes) -> dict[str, Any]:
        """The result in ConfigMaps; its reference."""
        pieces = compressed(data)
        location = ConfigMapLocation(result_chunk_prefix(self.pod.name), len(pieces))
        for name, piece in zip(location.names, pieces, strict=True):
            self._create_chunk(name, piece)
        return {
            "location": str(location),
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "segments": 0,
            "words": 0,
            "speakers": 0,
            "language": "en",
            "duration": 1.0,
            "processingTime": 1.0,
        }

    def complete(self, data: bytes | None = None) -> None:
        """The result, the last report, and exit 0."""
        self.reach(Stage.COMPLETED, result=self.store(data or json.dumps(RESULT).encode()))
        self.pod.finish(0)

    def work(self) -> None:
        """All seven stages, as fast as the API server takes them."""
        self.pod.run()
        self.work_while_running()

    def work_while_running(self) -> None:
        """The same in a container that runs already."""
        for stage in _STAGES[:-1]:
            self.reach(stage)
        self.complete()

    def fail(
        self, exit_code: int = 11, code: str = "AUDIO_EXTRACTION_ERROR", message: str = "오디오 추출 실패: x"
    ) -> None:
        self.report(stage="download", progress=0, error={"code": code, "message": message})
        self.pod.finish(exit_code)

    def _create_chunk(self, name: str, piece: bytes) -> None:
        owner = {"apiVersion": "ecg-analyzer.io/v1alpha1", "kind": "VideoJob", "name": self.videojob, "uid": self.uid}
        labels = {VIDEOJOB_LABEL: self.videojob, VIDEOJOB_UID_LABEL: self.uid, ATTEMPT_LABEL: str(self.job["attempt"])}
        manifest = {
            "metadata": {"name": name, "labels": labels, "ownerReferences": [owner]},
            "immutable": True,
            "binaryData": {CHUNK_KEY: base64.b64encode(piece).decode()},
        }
        path = f"/api/v1/namespaces/{self.pod.namespace}/configmaps"
        headers = {"authorization": f"Bearer {self.token}"}
        answer = self.pod.admin.post(path, json=manifest, headers=headers)
        assert answer.status_code in (201, 409), answer.text


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def work(pod: PlayedPod) -> None:
    """A script for `played_kubelet`: every job completes."""
    PlayedPipeline(pod).work()
