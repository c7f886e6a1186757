"""
Ports of the loopback interface.
"""

from __future__ import annotations

import socket
from pathlib import Path
from random import Random
from typing import Final

__all__ = ["is_listening", "is_unused", "unused_port", "unused_ports"]

_FIRST: Final = 30_000
_LINUX: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


def is_listening(port: int) -> bool:
    """Whether somebody listens on it."""
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


def is_unused(port: int) -> bool:
    """Whether a server may have it."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def unused_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    return unused_ports(1)[0]


def unused_ports(count: int) -> list[int]:
    """
    Different TCP ports that nobody listens on at this moment.

    Where the system says which ports it gives to connections, they are others: a connection of
    another test must not have a port when a server is started, or started again, on it.
    """
    found: list[int] = []
    random = Random()
    last = _first_given() - 1
    while len(found) < count:
        port = random.randint(_FIRST, last) if last >= _FIRST + 1000 else _given()
        if port not in found and is_unused(port):
            found.append(port)
    return found


def _first_given() -> int:
    """The first port that the system gives to who asks for any, 0 if it does not say."""
    try:
        return int(_LINUX.read_text().split()[0])
    except OSError:
        return 0


def _given() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port
