"""Command-line arguments of the control plane's programs."""

from pathlib import Path

from ecg_dev.control_plane.api_access import ApiAccess

SERVICE_NETWORK = "10.96.0.0/16"
_MANY_REQUESTS = ("--kube-api-qps=500", "--kube-api-burst=1000")
"""With the defaults the Job controller creates only about four Jobs a second."""


def etcd_arguments(folder: Path, port: int, peer_port: int) -> list[str]:
    client, peer = (f"http://127.0.0.1:{p}" for p in (port, peer_port))
    values = {
        "data-dir": folder / "etcd",
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
        "log-level": "error",
    }
    return [*(f"--{name}={value}" for name, value in values.items()), "--unsafe-no-fsync"]


def api_server_arguments(folder: Path, etcd_port: int, address: str, port: int) -> list[str]:
    """`folder` holds the files that `certificates.write_credentials` wrote."""
    values = {
        "etcd-servers": f"http://127.0.0.1:{etcd_port}",
        "secure-port": port,
        "bind-address": address,
        "advertise-address": address,
        "tls-cert-file": folder / "server.crt",
        "tls-private-key-file": folder / "server.key",
        "client-ca-file": folder / "ca.crt",
        "token-auth-file": folder / "tokens.csv",
        "authorization-mode": "RBAC",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": folder / "accounts.key",
        "service-account-signing-key-file": folder / "accounts.key",
        "service-cluster-ip-range": SERVICE_NETWORK,
        "allow-privileged": "true",
    }
    return [f"--{name}={value}" for name, value in values.items()]


def controller_manager_arguments(server: ApiAccess) -> list[str]:
    keys = (f"--service-account-private-key-file={server.folder / 'accounts.key'}", f"--root-ca-file={server.ca_file}")
    return [*_client_arguments(server), "--concurrent-job-syncs=20", *keys]


def scheduler_arguments(server: ApiAccess) -> list[str]:
    return _client_arguments(server)


def _client_arguments(server: ApiAccess) -> list[str]:
    return [f"--kubeconfig={server.kubeconfig}", "--leader-elect=false", "--secure-port=0", *_MANY_REQUESTS]
