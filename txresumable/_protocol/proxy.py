"""
An HTTP proxy, and what it is sent (RFC 9110, sections 9.3.6 and 11.7).
"""

from __future__ import annotations

import re
from base64 import b64encode
from urllib.parse import unquote_to_bytes, urlsplit

from attrs import field, frozen

__all__ = ["Proxy"]

_HOST = re.compile(r"[^\0- %/?#@\\\[\]\x7f-\U0010ffff]+\Z")


@frozen
class Proxy:
    """
    A proxy.

    :ivar host: its name or address, without brackets.
    :ivar port: its port.
    :ivar credentials: a line of a request's head with user and password, or nothing.
    """

    host: str
    port: int
    credentials: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, url: str) -> Proxy:
        """
        Parse a URL.

        :param url: ``http://HOST:PORT`` or ``http://USER:PASSWORD@HOST:PORT``, where user and
            password are percent-encoded; the port may be missing and is 80 then.
        :raises ValueError: for any other.  Nothing of it is in the message: it may have a password.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:  # its text has parts of the URL
            host, port = "", None
        usable = bool(_HOST.match(host)) and port != 0 and parts.scheme == "http"
        if not usable or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("must be http://HOST:PORT or http://USER:PASSWORD@HOST:PORT")
        credentials = b""
        if parts.username is not None:
            user, password = map(unquote_to_bytes, (parts.username, parts.password or ""))
            basic = b64encode(b"%b:%b" % (user, password))
            credentials = b"Proxy-Authorization: Basic %b\r\n" % basic
        return cls(host, 80 if port is None else port, credentials)

    def __str__(self) -> str:
        """Its URL without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def connect(self, host: str, port: int, user_agent: str) -> bytes:
        """
        A request for a tunnel.

        :param host: where to: a name or an address, without brackets.
        :param port: its port.
        :param user_agent: who asks.
        """
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        head = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {user_agent}\r\n"
        return b"%b%b\r\n" % (head.encode("ascii"), self.credentials)
