"""Tests for the servers whose options are known."""

from __future__ import annotations

import re
from typing import Any

from attrs import fields
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.examples import ROOT
from txresumable import SERVERS
from txresumable._policy.order import ChunkOrder
from txresumable.errors import InvalidOption
from txresumable.options import Options

from .interop import (
    test_django,
    test_flask,
    test_flow,
    test_java,
    test_nginx,
    test_node,
    test_php,
    test_recipes,
)

TARGET = "http://receiver.example/upload"
INTEROP = (
    test_django,
    test_flask,
    test_flow,
    test_java,
    test_nginx,
    test_node,
    test_php,
    test_recipes,
)


def refused(**options: Any) -> InvalidOption:
    try:
        Options(target=TARGET, **options)
    except InvalidOption as error:
        return error
    raise AssertionError(f"{options} were taken")


class OptionTests(SynchronousTestCase):
    """From a name to options."""

    def test_every_server(self) -> None:
        """The options of each server are valid, and are those of an uploader that is given it."""
        names = {field.name for field in fields(Options)}
        for name, server in SERVERS.items():
            options = Options(target=TARGET, server=name)
            self.assertEqual(options.server, name)
            for option, value in server.options.items():
                self.assertIn(option, names)
                given = Options(target=TARGET, **{option: value})
                self.assertEqual(getattr(options, option), getattr(given, option), name)

    def test_given_goes_first(self) -> None:
        """What is given goes before what the server needs, also where it is the default."""
        options = Options(target=TARGET, server="java-sample", force_chunk_size=False)
        self.assertEqual((options.method, options.force_chunk_size), ("octet", False))

    def test_order(self) -> None:
        """A server that appends gets its chunks in order."""
        self.assertIs(Options(target=TARGET, server="rails-sample").order, ChunkOrder.IN_ORDER)
        self.assertIs(Options(target=TARGET, server="dilab").order, ChunkOrder.LAST_ALONE)

    def test_nginx(self) -> None:
        """The largest last chunk fits into what nginx takes, with a form around it."""
        chunk_size = Options(target=TARGET, server="nginx").chunk_size
        self.assertLess(2 * chunk_size + 16 * 1024, 1 << 20)

    def test_unknown(self) -> None:
        """A name that is not known is refused with those that are."""
        for name in ("nginz", "", 5):
            error = refused(server=name)
            self.assertEqual((error.option, error.value), ("server", name))
            for known in SERVERS:
                self.assertIn(repr(known), error.reason)

    def test_conflict(self) -> None:
        """Where a given option excludes one of the server's, the error says whose that is."""
        error = refused(server="dilab", prioritize_first_and_last_chunk=True)
        self.assertIn("last_chunk=True: it is set by server='dilab'", str(error))
        error = refused(server="dilab", in_order=True, last_chunk_alone=False)
        self.assertNotIn("dilab", str(error))

    def test_cannot_be_changed(self) -> None:
        """One program cannot change what a server needs for another."""
        options: Any = SERVERS["nginx"].options
        with self.assertRaises(TypeError):
            options["chunk_size"] = 1


class DataTests(SynchronousTestCase):
    """What is said of servers."""

    def test_sentences(self) -> None:
        """A note is made of sentences, and a title is none."""
        for name, server in SERVERS.items():
            self.assertRegex(server.title, r"[^.]\Z", name)
            self.assertRegex(server.note, r"\A([A-Z][^\n]+\.)?\Z", name)

    def test_tried(self) -> None:
        """A server that is said to be tried has tests, or a recipe, that are given its name."""
        given = {
            test.options["server"]
            for module in INTEROP
            for test in vars(module).values()
            if isinstance(test, type) and issubclass(test, TestCase)
            if "server" in getattr(test, "options", {})
        }
        recipes = (ROOT / "docs" / "recipes.rst").read_text(encoding="utf-8")
        given.update(re.findall(r'server="([^"]+)"', recipes))
        tried = {name for name, server in SERVERS.items() if server.tried}
        self.assertEqual(tried - given, {"txresumable"})

    def test_documented(self) -> None:
        """The page on configuration lists them; that on servers says what was tried, and where."""
        page = (ROOT / "docs" / "configuration.rst").read_text(encoding="utf-8")
        self.assertIn("\n.. known-servers::\n", page)
        page = (ROOT / "docs" / "servers.rst").read_text(encoding="utf-8")
        tried, rest = page.split("\nFrom their source only\n")
        read, others = rest.split("\nIn front of a server\n")
        rows = re.compile(r"^   \* - ``([^`=]+)``$", re.M)
        named = re.compile(r'server="([^"]+)"')
        self.assertEqual(
            {*rows.findall(tried), *named.findall(others)},
            {name for name, server in SERVERS.items() if server.tried} - {"txresumable"},
        )
        self.assertEqual(
            set(rows.findall(read)),
            {name for name, server in SERVERS.items() if not server.tried},
        )
