"""Configuration files of the node's programs."""

import json
from pathlib import Path

from ecg_dev.node.network import NODE_ADDRESS, POD_NETWORK

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
CLUSTER_DOMAIN = "cluster.local"
CGROUP = "ecg-cluster"
PAUSE_IMAGE = "docker.io/local/pause:1"
_CNI_PROGRAMS = "/usr/lib/cni"


def write_containerd(folder: Path, root: Path) -> Path:
    """Writes containerd's configuration, with its data below `root`, and the pod network's CNI configuration."""
    network = folder / "cni"
    network.mkdir(exist_ok=True)
    (network / "10-bridge.conflist").write_text(json.dumps(_pod_network(), indent=1))
    path = folder / "containerd.toml"
    # restrict_oom_score_adj: without it runc fails when this machine's own processes have an adjusted score.
    path.write_text(f'''\
version = 2
root = "{root}"
state = "/run/containerd"
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{_CNI_PROGRAMS}"
    conf_dir = "{network}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
''')
    return path


def _pod_network() -> dict[str, object]:
    bridge = {
        "type": "bridge",
        "bridge": "pods",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "subnet": POD_NETWORK, "routes": [{"dst": "0.0.0.0/0"}]},
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, ports]}


def write_kubelet(folder: Path, logs: Path) -> Path:
    path = folder / "kubelet.json"
    authority = {"clientCAFile": str(folder / "ca.crt")}
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": False}, "x509": authority},
        "authorization": {"mode": "AlwaysAllow"},  # every client with a certificate of the authority
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "podLogsDir": str(logs / "pods"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "clusterDNS": [NODE_ADDRESS],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": "",
        "volumeStatsAggPeriod": "5s",  # how often disk usage is measured
        # A fairly full disk must not evict pods or collect images, which cannot be pulled again.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1Gi", "imagefs.available": "1Gi"},
        "imageGCHighThresholdPercent": 100,
    }
    path.write_text(json.dumps(configuration, indent=1))
    return path


def write_dns(folder: Path, kubeconfig: Path) -> Path:
    path = folder / "Corefile"
    path.write_text(f"""\
.:53 {{
    bind {NODE_ADDRESS}
    errors
    kubernetes {CLUSTER_DOMAIN} in-addr.arpa {{
        kubeconfig {kubeconfig}
    }}
}}
""")
    return path
