"""
What the kernel knows of a TCP connection: Linux's ``TCP_INFO``.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import Any, NamedTuple

__all__ = ["ESTABLISHED", "RECEIVED", "TCPInfo", "says_state", "tcp_info"]

ESTABLISHED = 1
"""The state of a connection while both ends may send."""
RECEIVED = struct.Struct("=B127xQ")
"""Its state, and ``tcpi_bytes_received``: how many bytes have arrived, read or not (Linux 4.1)."""
_INFO = struct.Struct("=8xI4xI24xI20xI8xI16xI16xQ")
"""
Of Linux's ``struct tcp_info``: ``tcpi_rto``, ``tcpi_snd_mss``, ``tcpi_last_data_sent``,
``tcpi_rtt``, ``tcpi_snd_cwnd``, ``tcpi_total_retrans`` and ``tcpi_bytes_acked``, which came with
Linux 4.1.
"""
_FIRST = 10
"""Segments of a window in the beginning (RFC 6928)."""


class TCPInfo(NamedTuple):
    """
    What is known of a connection.

    :ivar round_trip: seconds, smoothed.
    :ivar window: bytes that may be on their way at once, if something was sent now: the kernel
        halves that for each retransmission timeout that nothing was (RFC 2861).
    :ivar acknowledged: bytes that have arrived at the peer.
    :ivar repeated: segments that were sent again.
    """

    round_trip: float
    window: int
    acknowledged: int
    repeated: int = 0


def says_state(connected: Any) -> bool:
    """
    Whether the kernel tells anything of a connection: of TCP on Linux, and not of what only looks
    like it.

    :param connected: a socket, or anything else.
    """
    if sys.platform != "linux":
        return False
    try:
        protocol = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)
        state = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    except (OSError, AttributeError):
        return False
    return bool(protocol == socket.IPPROTO_TCP and state == bytes((ESTABLISHED,)))


def tcp_info(connected: Any) -> TCPInfo | None:
    """
    What the kernel knows.

    :param connected: a socket for which :func:`says_state`.
    :returns: that, or :data:`None` if it is closed, or the kernel is too old.
    """
    try:
        told = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
    except (OSError, ValueError):
        return None
    if len(told) < _INFO.size:
        return None
    timeout, segment, idle, round_trip, window, repeated, acknowledged = _INFO.unpack(told)
    if timeout and window > _FIRST:
        window = max(window >> min(idle * 1000 // timeout, 32), _FIRST)
    return TCPInfo(round_trip / 1e6, segment * window, acknowledged, repeated)
