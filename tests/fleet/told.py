"""
Who is notified of each file.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from attrs import frozen
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

__all__ = ["Listener", "Notice"]


@frozen
class Notice:
    """What was said of a file: its name, the id of its upload, its digest, and where it is."""

    name: str
    id: str
    sha256: str
    location: str


class Listener(Resource):
    """
    Takes the requests of ``--on-complete-url``.

    :ivar url: where.
    :ivar notices: all that came, by the names of files.
    """

    isLeaf = True

    def __init__(self, reactor: Any, case: Any) -> None:
        super().__init__()
        self.notices: dict[str, list[Notice]] = defaultdict(list)
        port = reactor.listenTCP(0, Site(self), interface="127.0.0.1")
        case.addCleanup(port.stopListening)
        self.url = f"http://127.0.0.1:{port.getHost().port}/"

    def render_POST(self, request: Request) -> bytes:
        assert request.content is not None
        said = json.loads(request.content.read())
        where = said.get("location", said["path"])
        notice = Notice(said["file_name"], said["id"], said["sha256"], where)
        self.notices[notice.name].append(notice)
        return b""
