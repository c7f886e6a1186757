"""
What an examination leaves on the server, and what of that can be removed.
"""

from __future__ import annotations

from collections import Counter
from urllib.parse import urldefrag, urljoin, urlsplit

from ..errors import TransportError
from .specimen import Specimens
from .visit import Visit

__all__ = ["clean_up"]


async def clean_up(visit: Visit, specimens: Specimens, *, forgets: bool) -> list[str]:
    """
    Delete what has a URL of its own on the same server, and unfinished uploads.

    :param visit: with the wire that they were sent over.
    :param forgets: whether the server is one that forgets unfinished uploads; on any other a
        ``DELETE`` of the target might be about something else.
    :returns: the names of what is left.
    """
    target = str(visit.options.target)
    urls = {
        name: None if location is None else urldefrag(urljoin(target, location)).url
        for name, location in visit.wire.stored.items()
    }
    times = Counter(urls.values())
    left = []
    for specimen in specimens.made:
        if specimen.name not in urls:
            continue
        url = urls[specimen.name]
        try:
            if url is None:
                removed = forgets and (await visit.forget(specimen)).code == 204
            else:
                removed = (
                    times[url] == 1
                    and _may_be_deleted(url, target)
                    and (await visit.wire.ask("DELETE", url)).code // 100 == 2
                )
        except TransportError:
            removed = False
        if not removed:
            left.append(specimen.name)
    return left


def _may_be_deleted(url: str, target: str) -> bool:
    """Whether a URL is on the same server, and neither the target nor a folder that it is in."""
    one, other = urlsplit(url), urlsplit(target)
    if one[:2] != other[:2]:
        return False
    return bool(one.query) or not f"{other.path}/".startswith(f"{one.path.rstrip('/')}/")
