"""
What the receiver takes of Twisted that Twisted keeps to itself, each with the reason.

All of it is here, and ``tests/test_receiver_private.py`` fails when a new version of Twisted means
something else by it.
"""

from __future__ import annotations

from operator import attrgetter

__all__ = ["unparsed", "waits_for_transport"]

unparsed = attrgetter("_buffer")
"""
Of a :class:`~twisted.protocols.basic.LineReceiver`, the beginning of a line that is not all there.
Nothing public says whether a request has begun, of which the first line comes in pieces.
"""

waits_for_transport = attrgetter("_waitingForTransport")
"""
Of a :class:`~twisted.web.http.HTTPChannel`, whether it has paused itself because its responses are
not read.  To resume it then would let one client fill the memory.
"""
