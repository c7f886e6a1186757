"""
How many connections the descriptors of a process are enough for.
"""

from __future__ import annotations

import resource

__all__ = ["most_connections"]

# For what is open anyway, for threads at work with finished files, and for idle uploads.
_RESERVED = 192
# A connection has a socket, and its upload a file for the bytes and one for the record.
_EACH = 3


def most_connections() -> int:
    """As many as the limit on open files, as it is now, leaves descriptors for; at least one."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        limit = 1024 * 1024
    return max(1, (limit - _RESERVED) // _EACH)
