"""
What the kernel still has to send.

A whole chunk fits in a socket's send buffer; on a slow line the reactor sees nothing move for
minutes while bytes flow.  The length of the kernel's queue tells a slow line from a dead one.
"""

from __future__ import annotations

import struct
from typing import Any

try:
    import fcntl
    import termios

    _OUTQ = termios.TIOCOUTQ
except (ImportError, AttributeError):  # pragma: no cover
    _OUTQ = 0

__all__ = ["unsent_bytes"]


def unsent_bytes(transport: Any) -> int:
    """
    Bytes written to a socket that the peer has not acknowledged.

    :param transport: a transport; one without a descriptor has nothing in a kernel's queue.
    :returns: the number, or 0 where the platform does not tell.
    """
    if not _OUTQ:  # pragma: no cover
        return 0
    try:
        answer = fcntl.ioctl(transport.fileno(), _OUTQ, b"\0\0\0\0")
    except (AttributeError, OSError, ValueError, TypeError):
        return 0
    return int(struct.unpack("i", answer)[0])
