"""
What requests and their bodies know of each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from twisted.web.iweb import IBodyProducer
from zope.interface import Attribute

__all__ = ["IDirectConsumer", "IRequestBody"]


class IRequestBody(IBodyProducer):
    """
    The body of a request: a producer that can also be sent in one piece, and that can be looked at
    while it is sent.
    """

    failure: Failure | None = Attribute("Why it cannot be sent, or None.")
    position: int = Attribute("How many bytes were handed over.")
    is_held_back: bool = Attribute("Whether it waits by our own will, not the peer's.")

    def startProducing(consumer: IConsumer) -> Deferred[None]:  # noqa: N805
        """
        Send it all, from its beginning.

        :param consumer: what takes it; may be an :class:`IDirectConsumer`.
        :returns: a Deferred that fires when the last byte was handed over and fails if it cannot be
            read; cancelling it stops.
        """

    def stopProducing() -> None:
        """Send nothing more.  Safe to call at any time, and more than once."""

    def whole(head: bytes) -> bytes | None:  # noqa: N805
        """
        All of the request, if its body is small and at hand.

        :param head: what comes before the body.
        :returns: both, or :data:`None` if ``startProducing()`` has to be used.
        :raises Exception: if it cannot be read; :attr:`failure` then says why, too.
        """


class IDirectConsumer(IConsumer):
    """
    A consumer that buffers nothing: it passes on to the kernel what the kernel has room for.
    """

    read_size: int = Attribute(
        "How many bytes are worth reading for write_some(); 0 if it takes none now."
    )

    def write_some(parts: Sequence[bytes | memoryview]) -> int:  # noqa: N805
        """
        Send as much as the kernel takes.

        :param parts: what is to be sent, one after the other.
        :returns: how many bytes of it were taken.  When there is room for more, the producer's
            ``resumeProducing()`` is called.
        """
