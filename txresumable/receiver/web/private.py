"""
What the receiver takes of Twisted that Twisted keeps to itself, each with the reason.

All of it is here, and ``tests/test_receiver_private.py`` fails when a new version of Twisted means
something else by it.
"""

from __future__ import annotations

from operator import attrgetter

from twisted.web._auth.wrapper import UnauthorizedResource

__all__ = ["UnauthorizedResource", "unparsed", "waits_for_transport"]

# What a wrapper of twisted.web.guard's has in the place of a resource for those who are not logged
# in.  Without it a client that only has to log in would be told that its chunk is too long.

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
