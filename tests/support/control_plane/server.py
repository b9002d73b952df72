"""A real Kubernetes control plane on this machine: etcd, kube-apiserver, kube-controller-manager, kube-scheduler.

There is no kubelet: no pod ever runs here. What stands for one in a test says so (`support.control_plane.played`).
"""

import json
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.control_plane.binaries import program
from support.control_plane.certificates import write_certificates
from support.control_plane.processes import Process, free_port

ADMIN_TOKEN = "admin-of-the-tests"
_START_S = 120.0


class ControlPlane:
    """Starts it all in `folder`; `stop` ends every process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._etcd_port, self._etcd_peer_port, self._port = free_port(), free_port(), free_port()
        write_certificates(folder)
        (folder / "tokens.csv").write_text(f'{ADMIN_TOKEN},admin,admin,"system:masters"\n')
        self.kubeconfig = self.kubeconfig_for(ADMIN_TOKEN)
        self._processes: dict[str, Process] = {}

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def tls(self) -> ssl.SSLContext:
        """What a client trusts."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    def start(self) -> None:
        self._start("etcd", self._etcd_arguments())
        self.start_api_server()
        controllers = ("--controllers=*,-node-lifecycle-controller", "--leader-elect=false", "--secure-port=0")
        limits = ("--kube-api-qps=500", "--kube-api-burst=1000", "--concurrent-job-syncs=20")
        keys = (f"--service-account-private-key-file={self.folder / 'accounts.key'}", f"--root-ca-file={self.ca_file}")
        self._start("kube-controller-manager", [f"--kubeconfig={self.kubeconfig}", *controllers, *limits, *keys])
        scheduling = ("--leader-elect=false", "--secure-port=0", "--kube-api-qps=500", "--kube-api-burst=1000")
        self._start("kube-scheduler", [f"--kubeconfig={self.kubeconfig}", *scheduling])
        self._wait("the service account of the namespace default", self._has_default_account)

    def start_api_server(self) -> None:
        self._start("kube-apiserver", self._api_server_arguments())
        self._wait("kube-apiserver", lambda: self.get("/readyz") is not None)

    def kill_api_server(self) -> None:
        """As in an outage; `start_api_server` brings it back with all it had stored. Both from the main thread: a
        program ends with the thread that started it."""
        self._processes.pop("kube-apiserver").kill()

    def stop(self) -> None:
        for name in ("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"):
            if name in self._processes:
                self._processes.pop(name).stop()

    def kubeconfig_for(self, token: str, namespace: str = "default") -> Path:
        """A kubeconfig file for whoever has `token`."""
        path = self.folder / f"kubeconfig-{abs(hash((token, namespace)))}"
        if path.exists():
            return path
        cluster = {"server": self.url, "certificate-authority": str(self.ca_file)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "tests",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": "tests", "user": {"token": token}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests", "namespace": namespace}}],
        }
        unfinished = path.with_suffix(f".{threading.get_ident()}")
        unfinished.write_text(json.dumps(config))
        unfinished.rename(path)
        return path

    def kubectl(self, *arguments: str, stdin: str | None = None, token: str = ADMIN_TOKEN, check: bool = True) -> str:
        """What kubectl prints. Raises AssertionError with its words when it fails and `check` is set."""
        command = [str(program("kubectl")), f"--kubeconfig={self.kubeconfig_for(token)}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=120)
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr or done.stdout}")
        return done.stdout + ("" if check else done.stderr)

    def helm(self, *arguments: str, check: bool = True) -> str:
        """What helm prints, its errors included when `check` is not set."""
        command = [str(program("helm")), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if check and done.returncode:
            raise AssertionError(f"helm {' '.join(arguments)}: {done.stderr or done.stdout}")
        return done.stdout + ("" if check else done.stderr)

    def get(self, path: str) -> bytes | None:
        """The body of a GET as the administrator; None where that fails."""
        request = urllib.request.Request(self.url + path, headers={"authorization": f"Bearer {ADMIN_TOKEN}"})
        try:
            with urllib.request.urlopen(request, timeout=5, context=self.tls) as answer:
                return bytes(answer.read())
        except OSError:
            return None

    def _start(self, name: str, arguments: list[str]) -> None:
        self._processes[name] = Process([str(program(name)), *arguments], self.folder / f"{name}.log")

    def _etcd_arguments(self) -> list[str]:
        client, peer = (f"http://127.0.0.1:{port}" for port in (self._etcd_port, self._etcd_peer_port))
        values = {
            "data-dir": self.folder / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "log-level": "error",
        }
        return [*(f"--{name}={value}" for name, value in values.items()), "--unsafe-no-fsync"]

    def _api_server_arguments(self) -> list[str]:
        values: dict[str, Any] = {
            "etcd-servers": f"http://127.0.0.1:{self._etcd_port}",
            "secure-port": self._port,
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "endpoint-reconciler-type": "none",
            "tls-cert-file": self.folder / "server.crt",
            "tls-private-key-file": self.folder / "server.key",
            "client-ca-file": self.ca_file,
            "token-auth-file": self.folder / "tokens.csv",
            "authorization-mode": "RBAC",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": self.folder / "accounts.key",
            "service-account-signing-key-file": self.folder / "accounts.key",
            "service-cluster-ip-range": "10.96.0.0/16",
            "allow-privileged": "true",
        }
        return [f"--{name}={value}" for name, value in values.items()]

    def _has_default_account(self) -> bool:
        return self.get("/api/v1/namespaces/default/serviceaccounts/default") is not None

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_S
        while not condition():
            for name, process in self._processes.items():
                if not process.is_running():
                    raise RuntimeError(f"{name} ended:\n{process.last_words()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what} did not come up within {_START_S:.0f} s; see the logs in {self.folder}")
            time.sleep(0.1)
