"""Tests for what the arguments of the receiver's parts may be."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from txresumable import Dialect, InvalidOption, ParameterNames
from txresumable.receiver import ReceiverResource, ReceiverSite, Store, make_site

NO_NUMBER = (-1, float("nan"), float("inf"), True, "5", b"5", [5], object())


class ArgumentTests(SynchronousTestCase):
    """What cannot work is refused at once, by name, and not by each request."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.folder = self.mktemp()

    def store(self, **given: Any) -> Store:
        """A store, which is closed at the end."""
        store = Store(self.folder, reactor=self.clock, **given)
        self.addCleanup(store.close)
        return store

    def resource(self, **given: Any) -> ReceiverResource:
        """A resource over a store of its own."""
        self.folder = self.mktemp()
        return ReceiverResource(self.store(), **given)

    def site(self, **given: Any) -> ReceiverSite:
        """A site of nothing."""
        return ReceiverSite(Resource(), reactor=self.clock, **given)

    def refuses(self, make: Callable[..., object], name: str, *values: object) -> None:
        """Each of these values is refused, and the error has it."""
        for value in values:
            error = self.assertRaises(InvalidOption, make, **{name: value})
            self.assertEqual(error.option, name)
            self.assertIs(error.value, value)

    def test_store(self) -> None:
        """Limits are numbers, or none at all; nothing was made or locked if one is not."""
        for name in ("max_file_size", "max_unfinished", "max_unfinished_size"):
            self.refuses(self.store, name, *NO_NUMBER, 1.5)
        self.refuses(self.store, "max_open", *NO_NUMBER, 1.5, None)
        self.refuses(self.store, "expire", *NO_NUMBER)
        self.refuses(self.store, "on_complete_timeout", *NO_NUMBER, None)
        self.refuses(self.store, "received_once", None, 0, 1, "no")
        self.refuses(self.store, "on_complete", 0, "a text", object())
        self.assertFalse(os.path.exists(self.folder))
        store = self.store(max_file_size=0, max_unfinished=None, expire=0.5, on_complete=None)
        self.assertEqual(store.expire, 0.5)

    def test_places(self) -> None:
        """So are the names and permissions of files."""
        self.refuses(self.store, "fsync", None, 0, "no")
        self.refuses(self.store, "keep_folders", None, 1, "yes")
        self.refuses(self.store, "choose_name", "name", 5)
        self.refuses(self.store, "existing", None, "overwrite", 1)
        self.refuses(self.store, "mode", "0640", -1, 0o1644, 0o040, 0o440, True, 6.0)
        for mode in (0o600, 0o777, None):
            store = self.store(mode=mode, existing="refuse", keep_folders=False)
            self.successResultOf(store.close())

    def test_site(self) -> None:
        """So are those of a site."""
        self.refuses(self.site, "max_connections", *NO_NUMBER, 1.5, None)
        self.refuses(self.site, "max_body", *NO_NUMBER, 1.5, None)
        self.refuses(self.site, "min_rate", *NO_NUMBER, None)
        self.refuses(self.site, "timeout", *NO_NUMBER)
        self.refuses(self.site, "on_response", 5, "log")
        site = self.site(max_connections=0, max_body=0, min_rate=0.5, timeout=None)
        self.assertEqual((site.max_body, site.min_rate), (0, 0.5))

    def test_resource(self) -> None:
        """A resource is given a dialect, names and functions."""
        self.refuses(self.resource, "owner", None, "me")
        self.refuses(self.resource, "authorize", True, "me")
        self.refuses(self.resource, "dialect", None, "Flow", 5, ParameterNames())
        self.refuses(self.resource, "names", False, {}, "flow")
        self.refuses(self.resource, "namespace", None, b"x", 5)
        self.refuses(self.resource, "parameters", None, 5, "", "resumableFilename", "file")
        error = self.assertRaises(InvalidOption, self.resource, parameters=["a", b"b"])
        self.assertEqual(error.value, b"b")
        for given in ("album", ["album", "tag"], ()):
            self.resource(parameters=given)
        self.resource(owner=len, names=ParameterNames(), namespace="x")
        self.assertIsInstance(self.resource(dialect="flow"), ReceiverResource)

    def test_what_is_no_store(self) -> None:
        """The path of a folder in its place is refused, and named."""
        given: Any = self.folder
        for make in (ReceiverResource, make_site):
            error = self.assertRaises(TypeError, make, given)
            self.assertIn(repr(self.folder), str(error))

    def test_dialect(self) -> None:
        """A dialect may be one of the application's own."""
        error = self.assertRaises(InvalidOption, self.resource, dialect="other")
        self.assertIn("resumable, flow, simple, or a Dialect", str(error))
        own = Dialect(names=ParameterNames(identifier="id"))
        self.assertIsInstance(self.resource(dialect=own), ReceiverResource)

    def test_origins(self) -> None:
        """What no browser sends, such as a URL with a slash, would match nothing."""
        for value in (None, 5, "example.com", "https://example.com/", "https://example.com/a"):
            self.refuses(self.resource, "origins", value)
        for value in (["*", "https://example.com/"], ["null"], b"*", [5]):
            error = self.assertRaises(InvalidOption, self.resource, origins=value)
            self.assertEqual(error.option, "origins")
        for value in ("*", "https://example.com:8443", ["http://a.example", "*"], (), iter("*")):
            self.resource(origins=value)

    def test_make_site(self) -> None:
        """Both are behind the function that makes a site."""
        store = self.store()
        for given in ({"origins": "example.com"}, {"min_rate": None}):
            self.assertRaises(InvalidOption, make_site, store, reactor=self.clock, **given)
