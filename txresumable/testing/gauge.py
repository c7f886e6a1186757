"""
What could be known of connections that carry the requests of a fake client.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from .._http.gauge import Gauge
from .request import SentRequest

__all__ = ["RequestGauge"]


class RequestGauge(Gauge):
    """
    Knows which requests were sent whole, and nothing of how fast that was.

    :param requests: returns those that are not over.
    """

    def __init__(self, requests: Callable[[], Collection[SentRequest]]) -> None:
        super().__init__(())
        self._requests = requests

    def waiting(self, most: int) -> Iterator[float]:
        """As of any gauge; when they began is unknown."""
        for each in self._requests():
            if each.is_upload and each.is_whole and each.length <= most:
                yield 0.0
