"""
Ports of the loopback interface.
"""

from __future__ import annotations

import socket

__all__ = ["unused_port"]


def unused_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port
