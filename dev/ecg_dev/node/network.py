"""The node's network: a cable to this machine, and the addresses behind it.

This machine is 10.213.0.1 to the node and to its pods; nothing else of its network changes.
"""

import subprocess
from pathlib import Path

from ecg_dev.node.machine import Machine

HOST_ADDRESS = "10.213.0.1"
NODE_ADDRESS = "10.213.0.2"
POD_NETWORK = "10.214.0.0/24"
CABLE = "ecg-cable"
"""The end of the cable that is seen outside."""


def plug_in(machine: Machine) -> None:
    """The cable, which goes with the machine. Raises RuntimeError where this machine has no virtual Ethernet."""
    first = machine.first
    assert first is not None
    _here("ip", "link", "add", CABLE, "type", "veth", "peer", "name", "eth0", "netns", str(first.pid))
    _here("ip", "address", "add", f"{HOST_ADDRESS}/30", "dev", CABLE)
    _here("ip", "link", "set", CABLE, "up")
    machine.run("ip", "link", "set", "lo", "up")
    machine.run("ip", "address", "add", f"{NODE_ADDRESS}/30", "dev", "eth0")
    machine.run("ip", "link", "set", "eth0", "up")
    machine.run("ip", "route", "add", "default", "via", HOST_ADDRESS)


def is_plugged_in() -> bool:
    return Path("/sys/class/net", CABLE).exists()


def _here(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
