"""Watched folders before receivers that others wrote, behind nginx."""

from __future__ import annotations

from . import pushed
from .receivers import (
    FLASK_ALL,
    FLASK_RENAMING,
    RESUMABLEJS_NODE,
    RESUMABLEJS_PHP,
    RunningReceiver,
)


class NodeTests(pushed.Pushed):
    """npm's ``resumablejs``, which Node.js runs."""

    receiver = RESUMABLEJS_NODE
    server = "node-sample"


class PhpTests(pushed.Pushed):
    """The page on PHP of the same."""

    receiver = RESUMABLEJS_PHP
    server = "php-sample"


class FlaskTests(pushed.Pushed):
    """
    The sample on Flask, which appends to what it has finished: of a file that was stored when the
    service was killed, before it could know, the sample has no chunk any more, so it is sent again.
    """

    receiver = FLASK_ALL
    server = "flask-sample"

    def assert_arrived(self, server: RunningReceiver, digests: dict[str, str]) -> None:
        """Each file is there, and as it is unless it was sent to the sample twice."""
        stored = server.stored()
        self.assertEqual(stored.keys(), digests.keys())
        different = {name for name, digest in digests.items() if stored[name] != digest}
        self.assertEqual(different - server.sent_again(), set())


class FlaskRenamingTests(pushed.Pushed):
    """The same, which finishes a file under another name first: what is sent twice does no harm."""

    receiver = FLASK_RENAMING
    server = "flask-sample"
