"""
What an examination leaves on the server, and what of that can be removed.
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from ..errors import TransportError
from .specimen import Specimen, Specimens
from .visit import Visit

__all__ = ["clean_up"]


async def clean_up(visit: Visit, specimens: Specimens, *, forgets: bool) -> list[str]:
    """
    Delete what has a URL on the same server, and unfinished uploads.

    :param visit: with the wire that they were sent over.
    :param forgets: whether the server is one that forgets unfinished uploads; on any other a
        ``DELETE`` of the target might be about something else.
    :returns: the names of what is left.
    """
    return [
        specimen.name
        for specimen in specimens.made
        if specimen.name in visit.wire.stored and not await _removed(visit, specimen, forgets)
    ]


async def _removed(visit: Visit, specimen: Specimen, forgets: bool) -> bool:
    location = visit.wire.stored[specimen.name]
    target = str(visit.options.target)
    url = urljoin(target, location or "")
    try:
        if location is None:
            return forgets and (await visit.forget(specimen)).code == 204
        if urlsplit(url)[:2] != urlsplit(target)[:2]:
            return False
        return (await visit.wire.ask("DELETE", url)).code // 100 == 2
    except TransportError:
        return False
