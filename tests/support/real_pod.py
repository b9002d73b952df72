"""A played pod whose container is the real pipeline process, with the demo models and the pod's token."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

from support.pipeline_process import ROOT, demo_environment
from support.played_kubelet import PlayedPod


class RealPod:
    """For `played_kubelet`: `RealPod(folder)` is a script. What the kubelet would mount lies in `folder`."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._folder, self._environment = folder, environment
        self.exit_codes: list[int] = []

    def __call__(self, pod: PlayedPod) -> None:
        folder = self._folder / pod.name
        folder.mkdir()
        (folder / "task.json").write_text(self._task(pod, folder))
        pod.run()
        process = self.launch(pod, folder)
        try:
            code = process.wait(180)
        finally:
            process.kill()
        self.exit_codes.append(code)
        message = folder / "termination-log"
        pod.finish(code, message=message.read_text() if message.exists() else "")

    def launch(self, pod: PlayedPod, folder: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ecg_pipeline", "--pod-task", str(folder / "task.json")]
        with (folder / "log").open("wb") as log:
            return subprocess.Popen(
                command, env=self._variables(pod, folder), cwd=ROOT, stderr=log, stdout=log, stdin=subprocess.DEVNULL
            )

    def log(self, pod_name: str) -> str:
        return (self._folder / pod_name / "log").read_text()

    def _task(self, pod: PlayedPod, folder: Path) -> str:
        """The pod's task with the container's paths replaced by this machine's."""
        task = json.loads(pod.annotations["ecg-analyzer.io/task"])
        job = task["job"]
        job["resultPath"] = str(folder / "result.json")
        if "urlFile" in job["source"]:
            job["source"]["urlFile"] = str(self._mounted(pod, folder))
        return json.dumps(task)

    def _mounted(self, pod: PlayedPod, folder: Path) -> Path:
        """Writes the source's Secret to a file, as the kubelet would."""
        secret = next(v["secret"] for v in pod.manifest["spec"]["volumes"] if v["name"] == "source")
        path = f"/api/v1/namespaces/{pod.namespace}/secrets/{secret['secretName']}"
        file = folder / "url"
        file.write_bytes(base64.b64decode(pod.admin.get(path).json()["data"]["url"]))
        return file

    def _variables(self, pod: PlayedPod, folder: Path) -> dict[str, str]:
        """Variables of the container, of the kubelet, and of this machine."""
        kubelets = {"POD_NAME": pod.name, "POD_UID": pod.uid, "POD_NAMESPACE": pod.namespace}
        here = {
            "KUBECONFIG": str(pod.plane.kubeconfig_for(pod.token(), pod.namespace)),
            "WORK_DIR": str(folder / "work"),
            "TERMINATION_LOG": str(folder / "termination-log"),
            "FETCH_ALLOW": "127.0.0.1",
        }
        os.makedirs(folder / "work", exist_ok=True)  # noqa: PTH103 - as the kubelet does
        return demo_environment(**{**pod.environment, **kubelets, **here, **self._environment})
