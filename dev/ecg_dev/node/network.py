"""The node's network: a veth pair that connects it to this machine, and its addresses.

The node and its pods reach this machine at 10.213.0.1; nothing else of this machine's network changes.
"""

import subprocess
from pathlib import Path

from ecg_dev.node.machine import Machine

HOST_ADDRESS = "10.213.0.1"
NODE_ADDRESS = "10.213.0.2"
POD_NETWORK = "10.214.0.0/24"
HOST_INTERFACE = "ecg-cable"
"""This machine's end of the veth pair."""


def connect_network(machine: Machine) -> None:
    """Create the veth pair, which is removed with the machine. Raises RuntimeError if this machine supports none."""
    first = machine.first
    assert first is not None
    _run_on_host("ip", "link", "add", HOST_INTERFACE, "type", "veth", "peer", "name", "eth0", "netns", str(first.pid))
    _run_on_host("ip", "address", "add", f"{HOST_ADDRESS}/30", "dev", HOST_INTERFACE)
    _run_on_host("ip", "link", "set", HOST_INTERFACE, "up")
    machine.run("ip", "link", "set", "lo", "up")
    machine.run("ip", "address", "add", f"{NODE_ADDRESS}/30", "dev", "eth0")
    machine.run("ip", "link", "set", "eth0", "up")
    machine.run("ip", "route", "add", "default", "via", HOST_ADDRESS)


def is_connected() -> bool:
    return Path("/sys/class/net", HOST_INTERFACE).exists()


def _run_on_host(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
