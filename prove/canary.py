"""A listener on every address of this machine, loopback, link-local and private ones included, that counts hits."""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self


def own_addresses() -> list[str]:
    """Loopback, this machine's addresses, and spellings of them, as hosts of URLs."""
    found = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0.0.0.0",
        "0",
        "localhost",
        "localhost.",
    ]
    found += ["LOCALHOST", "127.0.0.1.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"]
    found += ["[64:ff9b::7f00:1]", "①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1", "%31%32%37.0.0.1", socket.gethostname()]
    return found + [f"[{address}]" if ":" in address else address for address in _of_interfaces()]


def _of_interfaces() -> list[str]:
    """The addresses of the interfaces; link-local ones also with their zone."""
    found: list[str] = []
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: chooses the address by the routes
        found.append(probe.getsockname()[0])
    table = Path("/proc/net/if_inet6")
    for line in table.read_text().splitlines() if table.exists() else ():
        digits, *_, name = line.split()
        address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits))
        found += [address, f"{address}%25{name}"] if address.startswith("fe80") else [address]
    return found


class Canary:
    """`port` is open on all addresses of IPv4 and IPv6; `hits` says who connected to which."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self._socket = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
        self.port = int(self._socket.getsockname()[1])

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with connection, suppress(OSError):
                    connection.settimeout(2)
                    first = connection.recv(200)
                    self.hits.append(f"{connection.getsockname()[0]}: {first[:80]!r}")

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        with socket.create_connection(("127.0.0.1", self.port)) as probe:  # it sings
            probe.sendall(b"probe")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def stray(self) -> list[str]:
        """The hits but the one that `__enter__` made."""
        return [hit for hit in self.hits if "b'probe'" not in hit]
