"""
A client that the user gives, as a type.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Concatenate, Protocol

__all__ = ["Client"]


class Client(Protocol):
    """
    What can be given as ``client``: treq's ``HTTPClient``, or what has its ``request`` method.

    ``request(method, url, headers=..., data=..., allow_redirects=False, unbuffered=True,
    reactor=...)`` returns a Deferred of an ``IResponse``.  ``data`` is an ``IBodyProducer``, or
    :data:`None`.
    """

    # Of a response nothing more is said: what treq makes of IResponse is opaque to type checkers.
    @property
    def request(self) -> Callable[Concatenate[str, str, ...], Awaitable[object]]:
        """Make a request."""
