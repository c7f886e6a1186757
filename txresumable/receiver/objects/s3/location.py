"""
Where a bucket is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from attrs import frozen

__all__ = ["Location", "quoted"]

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}\Z")
_IMPLIED_PORTS = {"http": 80, "https": 443}


@frozen
class Location:
    """
    The address of a bucket.

    :ivar origin: scheme, host and port, in lower case.
    :ivar host: what requests say in ``Host``.
    :ivar base: what stands before a key in the path, with the slash.
    """

    origin: str
    host: str
    base: str

    @classmethod
    def of(cls, bucket: str, endpoint: str | None, region: str) -> Location:
        """
        The address of a bucket: in the path of an endpoint's URL; at Amazon's, in the name of the
        host, unless there is a dot in it, which their certificates do not allow.

        :param endpoint: a URL; Amazon's for the region if there is none.
        :raises ValueError: if that is no bucket, or no URL.
        """
        if not _BUCKET.match(bucket):
            raise ValueError(f"{bucket!r} is not the name of a bucket")
        if endpoint is None:
            suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
            host = f"s3.{region}.{suffix}"
            if "." in bucket:
                return cls(f"https://{host}", host, f"/{bucket}/")
            return cls(f"https://{bucket}.{host}", f"{bucket}.{host}", "/")
        parts = urlsplit(endpoint)
        try:
            port = parts.port
        except ValueError:
            port = -1
        is_url = parts.scheme in _IMPLIED_PORTS and parts.hostname and port != -1
        if not is_url or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("must be like https://s3.example.com")
        netloc = parts.netloc.lower()
        host = netloc
        if port == _IMPLIED_PORTS[parts.scheme]:
            host = netloc.rpartition(":")[0]
        path = quote(parts.path.rstrip("/"), safe="/%~")
        return cls(f"{parts.scheme}://{netloc}", host, f"{path}/{bucket}/")

    def path(self, key: str) -> str:
        """The path of an object, or of the bucket for an empty key."""
        return self.base + quoted(key)

    @staticmethod
    def query(given: Mapping[str, str | int]) -> str:
        """Parameters in the order and the form in which they are signed."""
        pairs = sorted((_escaped(name), _escaped(str(value))) for name, value in given.items())
        return "&".join(f"{name}={value}" for name, value in pairs)


def quoted(key: str) -> str:
    """A key as it stands in a path."""
    return quote(key, safe="/-_.~")


def _escaped(text: str) -> str:
    return quote(text, safe="-_.~")
