"""Tests for what stands behind a status."""

from __future__ import annotations

import ast
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import txresumable
from txresumable._protocol.phrase import reason_phrase

PACKAGE = Path(txresumable.__file__).parent


class PhraseTests(SynchronousTestCase):
    """Phrases."""

    def test_named(self) -> None:
        """They are those of RFC 9110 and of others, whatever Python and Twisted have."""
        for status, phrase in {
            200: b"OK",
            204: b"No Content",
            413: b"Content Too Large",
            416: b"Range Not Satisfiable",
            421: b"Misdirected Request",
            422: b"Unprocessable Content",
            425: b"Too Early",
            429: b"Too Many Requests",
            451: b"Unavailable For Legal Reasons",
            507: b"Insufficient Storage",
            511: b"Network Authentication Required",
        }.items():
            self.assertEqual(reason_phrase(status), phrase)

    def test_unnamed(self) -> None:
        """What an application chooses that nobody knows has the phrase of its class."""
        self.assertEqual(reason_phrase(299), b"Success")
        self.assertEqual(reason_phrase(499), b"Client Error")
        self.assertEqual(reason_phrase(599), b"Server Error")

    def test_all(self) -> None:
        """Nothing in the package leaves the phrase to Twisted."""
        for path in PACKAGE.rglob("*.py"):
            if "testing" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                    continue
                if node.func.attr == "setResponseCode":
                    self.assertEqual(len(node.args), 2, f"{path}:{node.lineno}")
