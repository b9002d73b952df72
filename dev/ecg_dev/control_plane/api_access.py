"""Access to an API server with kubectl, helm and plain requests, as its administrator or with another token."""

import hashlib
import json
import ssl
import subprocess
import threading
import urllib.request
from pathlib import Path

from ecg_dev.control_plane.binaries import program

ADMIN_TOKEN = "admin-of-the-tests"


class ApiAccess:
    """kubectl, helm and plain requests. `folder` has the server's `ca.crt` and gets kubeconfig files."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def tls(self) -> ssl.SSLContext:
        """A TLS context that trusts the cluster's certificate authority."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig file."""
        return self.kubeconfig_for(ADMIN_TOKEN)

    def kubeconfig_for(self, token: str, namespace: str = "default") -> Path:
        """A kubeconfig file that authenticates with `token`."""
        path = self.folder / f"kubeconfig-{hashlib.sha256(f'{token} {namespace}'.encode()).hexdigest()[:16]}"
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
        """Returns kubectl's output. Raises AssertionError with its error message when it fails and `check` is set."""
        command = [str(program("kubectl")), f"--kubeconfig={self.kubeconfig_for(token)}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=120)
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr or done.stdout}")
        return done.stdout + ("" if check else done.stderr)

    def helm(self, *arguments: str, check: bool = True, command: str = "helm") -> str:
        """Returns helm's output, including its errors when `check` is not set."""
        whole = [str(program(command)), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(whole, capture_output=True, text=True, check=False, timeout=300)
        if check and done.returncode:
            raise AssertionError(f"helm {' '.join(arguments)}: {done.stderr or done.stdout}")
        return done.stdout + ("" if check else done.stderr)

    def get(self, path: str) -> bytes | None:
        """Returns the body of a GET as the administrator; None when the request fails."""
        request = urllib.request.Request(self.url + path, headers={"authorization": f"Bearer {ADMIN_TOKEN}"})
        try:
            with urllib.request.urlopen(request, timeout=5, context=self.tls) as answer:
                return bytes(answer.read())
        except OSError:
            return None

    def is_ready(self) -> bool:
        return self.get("/readyz") is not None

    def has_default_account(self) -> bool:
        """Whether pods can be created in the namespace default."""
        return self.get("/api/v1/namespaces/default/serviceaccounts/default") is not None
