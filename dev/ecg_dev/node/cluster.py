"""A single-node Kubernetes cluster on this machine: control plane, kubelet, containerd, kube-proxy and CoreDNS."""

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from ecg_dev.control_plane.api_access import ApiAccess
from ecg_dev.control_plane.arguments import (
    api_server_arguments,
    controller_manager_arguments,
    etcd_arguments,
    scheduler_arguments,
)
from ecg_dev.control_plane.binaries import cache, program
from ecg_dev.control_plane.certificates import write_credentials
from ecg_dev.control_plane.starting import wait_for_start
from ecg_dev.node.cgroups import make_group, remove_group
from ecg_dev.node.config import write_containerd, write_dns, write_kubelet
from ecg_dev.node.machine import Machine
from ecg_dev.node.network import HOST_ADDRESS, NODE_ADDRESS, POD_NETWORK, connect_network, is_connected
from ecg_dev.node.pause import load_pause_image
from ecg_dev.waiting import wait_until

NODE = "ecg-node"
GPUS = 2
"""Advertised in the node's status; there is no device."""
_ETCD_PORT, _ETCD_PEER_PORT, _PORT = 2379, 2380, 6443
_CNI_STATE = Path("/var/lib/cni")
_CRI_IS_READY = "Start streaming server"
"""What containerd logs last before its CRI service accepts requests."""


class NodeCluster(ApiAccess):
    """The user's one cluster on this machine. Its data lie in the cache folder; images stay there after `down`."""

    def __init__(self) -> None:
        home = cache() / "cluster"
        super().__init__(home / "state", f"https://{NODE_ADDRESS}:{_PORT}")
        self.images = home / "containerd"
        self.logs = home / "logs"
        self.machine = Machine(self.folder, self.logs)

    def is_up(self) -> bool:
        return self.machine.first is not None and self.is_ready()

    def up(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Start everything that is not running. Raises RuntimeError with the name and log of a program that failed."""
        if self.machine.first is not None:
            self._revive(say)
            return
        self.down()
        for folder in (self.folder, self.logs):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        self.images.mkdir(parents=True, exist_ok=True)
        say("isolated machine: namespaces, a veth pair, a control group")
        self.machine.create()
        connect_network(self.machine)
        make_group()
        self._mount()
        self._start_control_plane(say)
        self._start_node(say)

    def down(self) -> None:
        """Stop everything: processes, and with them mounts, interfaces and iptables rules. Container images stay."""
        self.machine.destroy()
        remove_group()
        wait_until(lambda: not is_connected(), 30, lambda: "the veth interface still exists")
        with contextlib.suppress(OSError):
            _CNI_STATE.rmdir()

    def start_api_server(self) -> None:
        """Restart it after `machine.kill("kube-apiserver")`."""
        self.machine.restart("kube-apiserver")
        self._wait("kube-apiserver", self.is_ready)

    def ctr(self, *arguments: str) -> str:
        return self.machine.run("ctr", "--namespace=k8s.io", *arguments)

    def _revive(self, say: Callable[[str], None]) -> None:
        for name in self.machine.dead():
            say(f"{name} had ended: restarting it")
            self.machine.restart(name)
        self._wait("kube-apiserver", self.is_ready)
        self._wait_for_node(say)

    def _mount(self) -> None:
        """Hide the host's folders that the node's programs would otherwise write to."""
        _CNI_STATE.mkdir(parents=True, exist_ok=True)
        for folder in ("/run", "/var/log", str(_CNI_STATE)):
            self.machine.run("mount", "-t", "tmpfs", "tmpfs", folder)

    def _start_control_plane(self, say: Callable[[str], None]) -> None:
        say("etcd, kube-apiserver, kube-controller-manager, kube-scheduler")
        write_credentials(self.folder, NODE_ADDRESS)
        self._start("etcd", etcd_arguments(self.folder, _ETCD_PORT, _ETCD_PEER_PORT))
        own = [
            f"--kubelet-client-certificate={self.folder / 'server.crt'}",
            f"--kubelet-client-key={self.folder / 'server.key'}",
            "--kubelet-preferred-address-types=InternalIP",
        ]
        self._start("kube-apiserver", [*api_server_arguments(self.folder, _ETCD_PORT, NODE_ADDRESS, _PORT), *own])
        self._wait("kube-apiserver", self.is_ready)
        self._start("kube-controller-manager", controller_manager_arguments(self))
        self._start("kube-scheduler", scheduler_arguments(self))

    def _start_node(self, say: Callable[[str], None]) -> None:
        say("containerd, kubelet, kube-proxy, coredns")
        configuration = write_containerd(self.folder, self.images)
        self.machine.start("containerd", ["containerd", "--config", str(configuration)])
        self._wait("containerd", self._containerd_is_ready)
        load_pause_image(self.ctr)
        kubelet = {
            "config": write_kubelet(self.folder, self.logs),
            "kubeconfig": self.kubeconfig,
            "root-dir": self.folder / "kubelet",
            "hostname-override": NODE,
            "node-ip": NODE_ADDRESS,
        }
        self._start("kubelet", [f"--{name}={value}" for name, value in kubelet.items()])
        proxy = {"kubeconfig": self.kubeconfig, "hostname-override": NODE, "cluster-cidr": POD_NETWORK}
        self._start("kube-proxy", [*(f"--{n}={v}" for n, v in proxy.items()), "--conntrack-max-per-core=0"])
        self._start("coredns", ["-conf", str(write_dns(self.folder, self.kubeconfig))])
        self._wait_for_node(say)

    def _wait_for_node(self, say: Callable[[str], None]) -> None:
        self._wait("the node", self._node_is_ready)
        self._wait("the service account of the namespace default", self.has_default_account)
        self._advertise_gpus()
        say(f"the node is ready; pods reach this machine at {HOST_ADDRESS}")

    def _advertise_gpus(self) -> None:
        counts = [
            {"op": "add", "path": f"/status/{kind}/nvidia.com~1gpu", "value": str(GPUS)}
            for kind in ("capacity", "allocatable")
        ]
        self.kubectl("patch", "node", NODE, "--subresource=status", "--type=json", "-p", json.dumps(counts))

    def _start(self, name: str, arguments: list[str]) -> None:
        self.machine.start(name, [str(program(name)), *arguments])

    def _containerd_is_ready(self) -> bool:
        """Whether it answers `ctr`, and its CRI service is ready, which only the log says: a kubelet that is started
        before that ends with "server is not initialized yet"."""
        try:
            answers = bool(self.ctr("version"))
        except RuntimeError:
            return False
        return answers and _CRI_IS_READY in self.machine.log("containerd").read_text(errors="replace")

    def _node_is_ready(self) -> bool:
        ready = '{.status.conditions[?(@.type=="Ready")].status}'
        return self.kubectl("get", "node", NODE, "-o", f"jsonpath={ready}", check=False).strip() == "True"

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        wait_for_start(what, condition, self._ended, self.logs)

    def _ended(self) -> str | None:
        return next((f"{name} ended:\n{self.machine.log_tail(name)}" for name in self.machine.dead()), None)
