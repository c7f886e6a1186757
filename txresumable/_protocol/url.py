"""
URLs without secrets.
"""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["without_query"]


def without_query(url: str) -> str:
    """
    Strip a URL of everything that must not be logged or shown.

    :param url: any URL.
    :returns: the URL without user, password, query and fragment.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # what a server sends need not be a URL
        scheme, mark, rest = url.partition("?")[0].partition("#")[0].rpartition("//")
        return scheme + mark + rest.rpartition("@")[2]
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()
