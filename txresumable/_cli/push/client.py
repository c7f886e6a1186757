"""
Asking a running service over its Unix socket.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode

from ...errors import ResumableError

__all__ = ["Control", "ControlRefused", "NotRunning"]

PATIENCE = 8.0
"""Seconds that the service has to say something."""
_DOING = 60.0
"""Seconds that it has to do something."""
_PAGE = 1000
_CHANGING = {"Content-Type": "application/json", "Txresumable-Control": "1"}
"""Headers of requests that change something, which no other site's page can send."""


class NotRunning(ResumableError):
    """The service is not running, or may not be asked by this user."""


class ControlRefused(ResumableError):
    """The service refused what it was asked."""


class _Connection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, patience: float) -> None:
        super().__init__("localhost", timeout=patience)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Control:
    """
    A running service.  All methods block.
    """

    def __init__(self, path: str) -> None:
        """
        :param path: its Unix socket.
        """
        self._path = path

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """
        Ask for something.

        :param path: of the resource, as ``/status``.
        :param query: parameters; lists for several values of one.
        :returns: the object in the response.
        :raises NotRunning: if nobody responds.
        :raises ControlRefused: if the service refuses it.
        """
        return self._request("GET", _with(path, query), None)

    def post(self, path: str, body: dict[str, Any] | None = None, **query: Any) -> dict[str, Any]:
        """
        Ask to do something.

        :param body: the object to send.  The rest is as for :meth:`get`.
        """
        return self._request("POST", _with(path, query), body or {})

    def files(self, **query: Any) -> Iterator[dict[str, Any]]:
        """
        All files, a page at a time.

        :param query: ``state`` and ``folder``.
        """
        after = 0
        while after is not None:
            page = self.get("/files", **query, after=after, limit=_PAGE)
            yield from page["files"]
            after = page["next"]

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        patience = PATIENCE if body is None else _DOING
        connection = _Connection(self._path, patience)
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else _CHANGING
        try:
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            found = json.loads(response.read())
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning(f"the service is not running: nobody listens on {self._path}")
        except TimeoutError:
            raise NotRunning(
                f"the service does not respond within {patience:g} s: it may be stopped, or busy"
            )
        except OSError as error:
            raise NotRunning(f"{self._path}: {error.strerror or error}")
        except (HTTPException, ValueError) as error:
            raise NotRunning(f"what listens on {self._path} is no such service: {error!r}")
        finally:
            connection.close()
        if response.status >= 400:
            raise ControlRefused(str(found.get("error", response.status)))
        return dict(found)


def _with(path: str, query: dict[str, Any]) -> str:
    given = {name: value for name, value in query.items() if value not in (None, ())}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path
