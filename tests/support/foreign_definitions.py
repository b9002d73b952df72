"""Custom resource definitions of others that objects of the chart and of deploy/eks are checked against: the Gateway
API's, the Prometheus operator's, and the External Secrets Operator's."""

import json
import subprocess
from pathlib import Path

from ecg_dev.control_plane.binaries import MODULES, go_command, go_environment
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until

_FILES = {
    "sigs.k8s.io/gateway-api": ("config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",),
    "github.com/prometheus-operator/prometheus-operator": (
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
    "github.com/external-secrets/external-secrets": (
        "config/crds/bases/external-secrets.io_externalsecrets.yaml",
        "config/crds/bases/external-secrets.io_secretstores.yaml",
    ),
}
_GROUPS = ("external-secrets.io", "gateway.networking.k8s.io", "monitoring.coreos.com")


def install(plane: ControlPlane) -> None:
    """Returns when the API server serves them."""
    for module, files in _FILES.items():
        for file in files:
            plane.kubectl("apply", "--server-side", "-f", str(_folder(module) / file))
    served = ("api-resources", "-o", "name")
    wait_until(lambda: all(plane.kubectl(*served, f"--api-group={group}") for group in _GROUPS), 30)


def _folder(module: str) -> Path:
    """A module's folder in the cache; go.sum has its digest."""
    command = [go_command(), "mod", "download", "-json", module]
    done = subprocess.run(
        command, cwd=MODULES / "definitions", env=go_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(json.loads(done.stdout)["Dir"])
