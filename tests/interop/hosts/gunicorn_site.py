"""
What the hosts under gunicorn share: four workers, each a process that answers one request at a
time, on a socket that they inherit; and a report of each request.

With ``--threads`` each of them answers four at a time and keeps connections.
"""

# mypy: ignore-errors
from __future__ import annotations

import socket
import sys

from flask import Flask, request
from gunicorn.app.base import BaseApplication
from report import say, say_request

WORKERS = 4


class Site(BaseApplication):
    """An application in gunicorn, which is configured without a file."""

    def __init__(self, app: Flask, prefix: str) -> None:
        self._app = app
        # gunicorn makes sockets of its own of the descriptor.
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._port = self._listening.getsockname()[1]
        app.after_request(lambda response: report(response, prefix))
        super().__init__()

    def load_config(self) -> None:
        """What gunicorn has to know."""
        options = {
            "bind": f"fd://{self._listening.fileno()}",
            "workers": WORKERS,
            "threads": 4 if "--threads" in sys.argv else 1,
            "loglevel": "error",
            "when_ready": lambda _: say(port=self._port),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application."""
        return self._app


def report(response, prefix: str):
    """Tell about a request before its reply is sent."""
    say_request(request, response, prefix)
    return response
