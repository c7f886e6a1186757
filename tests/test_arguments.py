"""Tests for the client's options as arguments of a command line."""

from __future__ import annotations

import os
from typing import Any

from attrs import fields
from twisted.internet.ssl import optionsForClientTLS
from twisted.trial.unittest import SynchronousTestCase

from tests.authority import Authority
from txresumable import identifiers
from txresumable._cli.argument import BadArgument
from txresumable._cli.arguments import ARGUMENTS, read_options
from txresumable.options import Options

TARGET = "https://example.com/upload"
_BY_NAME = {argument.name: argument for argument in ARGUMENTS}

not_callable = 1


def a_hook(*_: object) -> None:
    """Stands for a function of the user's."""


def read(*typed: tuple[str, Any]) -> dict[str, Any]:
    """The options that arguments and the environment make, without defaults."""
    given = [("target", TARGET), *typed]
    options = read_options((_BY_NAME[name], value) for name, value in given)
    names = {"proxy", *(_BY_NAME[name].option for name, _ in given)}
    return {name: value for name, value in options.items() if name in names}


class CompletenessTests(SynchronousTestCase):
    """What there is."""

    def test_every_option(self) -> None:
        """Every option of the client has an argument of its name, or of its parts' names."""
        for each in fields(Options):
            name = each.name.replace("_", "-")
            found = [argument for argument in ARGUMENTS if argument.option == each.name]
            self.assertTrue(found, each.name)
            if name != "headers":
                self.assertIn(name, _BY_NAME)
        self.assertEqual(
            {argument.option for argument in ARGUMENTS}, {each.name for each in fields(Options)}
        )

    def test_texts(self) -> None:
        """Every argument says what it does in a sentence, and shows its default."""
        for argument in ARGUMENTS:
            self.assertRegex(argument.text, r"^[A-Za-z].+[.\]]$")
        for name, default in (
            ("chunk-size", "1 MiB"),
            ("simultaneous-uploads", "auto"),
            ("test-chunks", "adaptive"),
            ("generate-unique-identifier", "safe"),
            ("connect-timeout", "30"),
            ("test-method", "GET"),
            ("min-file-size", "0"),
            ("when-changed", "wait"),
            ("links", "skip"),
        ):
            self.assertTrue(_BY_NAME[name].text.endswith(f" [default: {default}]"), name)

    def test_names_once(self) -> None:
        """No two arguments share a name."""
        self.assertEqual(len(_BY_NAME), len(ARGUMENTS))


class ReadTests(SynchronousTestCase):
    """From what was typed to options."""

    def test_values(self) -> None:
        """Each kind of option is read as people write it."""
        here = f"{__name__}:a_hook"
        for name, typed, value in (
            ("chunk-size", "1000", 1000),
            ("chunk-size", "512K", 512 << 10),
            ("chunk-size", "20MiB", 20 << 20),
            ("chunk-size", "1.5g", 3 << 29),
            ("max-file-size", "4 TB", 4 << 40),
            ("min-file-size", "0", 0),
            ("max-rate", "2M", 2 << 20),
            ("connect-timeout", "90", 90.0),
            ("chunk-timeout", "0.5", 0.5),
            ("chunk-retry-interval", "250ms", 0.25),
            ("max-offline", "7d", 604800.0),
            ("stall-timeout", "2m", 120.0),
            ("simultaneous-uploads", "5", 5),
            ("simultaneous-uploads", "auto", "auto"),
            ("in-order", "yes", True),
            ("in-order", "no", False),
            ("last-chunk-alone", "no", False),
            ("test-chunks", "yes", True),
            ("test-chunks", "no", False),
            ("test-chunks", "adaptive", "adaptive"),
            ("keep-completed", "yes", True),
            ("keep-completed", "no", False),
            ("permanent-errors", "400, 404", frozenset((400, 404))),
            ("permanent-errors", "", frozenset()),
            ("checksum", "sha256", "sha256"),
            ("checksum", "none", None),
            ("force-chunk-size", True, True),
            ("with-credentials", False, False),
            ("proxy", "http://anna:b@proxy.example", "http://anna:b@proxy.example"),
            ("proxy", "none", None),
            ("proxy", here, a_hook),
            ("file-parameter-name", "upload", "upload"),
            ("chunk-size-parameter-name", "", ""),
            ("test-target", "/", "/"),
            ("retry-policy", here, a_hook),
            ("preprocess", here, a_hook),
            ("test-target", here, a_hook),
            ("headers-from", here, a_hook),
            ("query-from", here, a_hook),
            ("generate-unique-identifier", "resumable_js", identifiers.resumable_js),
            ("generate-unique-identifier", here, a_hook),
        ):
            options = read((name, typed))
            self.assertEqual(options[_BY_NAME[name].option], value, name)

    def test_headers(self) -> None:
        """Headers come from the line, from files and from the environment, the line first."""
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("# for tests\n\nAuthorization: Bearer x: y\nX-One: file\n")
        self.patch(os, "environ", {"TWO": "environment"})
        of_file = ("header-file", path)
        of_environment = ("header-from-env", "X-Two: TWO")
        others = {"x-one": "line", "Accept": "*/*", "X-Two": "environment"}
        lines = (("header", "x-one: line"), ("header", "Accept:  */* "), of_environment)
        headers = read(*lines, of_file)["headers"]
        self.assertEqual(headers.headers, {"Authorization": "Bearer x: y", **others})
        self.assertEqual(read(*lines)["headers"], others)
        self.assertEqual(
            read(of_file, ("header-command", "true"))["headers"].headers,
            {"Authorization": "Bearer x: y", "X-One": "file"},
        )

    def test_many(self) -> None:
        """What may be given again adds up; of one name the last one counts."""
        options = read(
            *(("query", "a=1"), ("query", "b=x=y"), ("query", "a=2"), ("query", "A=3")),
            *(("file-type", "jpg,image/*"), ("file-type", ".PNG")),
        )
        self.assertEqual(options["query"], {"b": "x=y", "a": "2", "A": "3"})
        self.assertEqual(options["file_type"], ("jpg", "image/*", ".PNG"))

    def test_certificates(self) -> None:
        """Certificates come from files in PEM form."""
        authority, ours, both = Authority("authority"), self.mktemp(), self.mktemp()
        with open(ours, "wb") as file:
            file.write(authority.issue("client"))
        with open(both, "wb") as file:
            file.write(authority.certificate + b"\n" + authority.certificate)
        options = read(("trust-root", both), ("client-certificate", ours))
        optionsForClientTLS(
            "localhost",
            trustRoot=options["trust_root"],
            clientCertificate=options["client_certificate"],
        )

    def test_bad(self) -> None:
        """What cannot be is told with its name, its value and what it takes."""
        empty, broken, locked, host = (self.mktemp() for _ in range(4))
        for path, content in (
            (empty, b""),
            (host, b"Host: x"),
            (broken, b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"),
            (locked, b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"),
        ):
            with open(path, "wb") as file:
                file.write(content)
        for name, typed, *parts in (
            ("target", "ftp://example.com/", "ftp://example.com/", "URL"),
            ("target", "no.such.module:function", "no.such", "imported", "ModuleNotFoundError"),
            ("chunk-size", "12X", "12X", "size such as"),
            ("chunk-size", "0", "at least 1", "not 0"),
            ("chunk-size", "-1", "-1"),
            ("max-files", "1.5", "1.5", "whole number"),
            ("connect-timeout", "soon", "soon", "time"),
            ("connect-timeout", "0", "at least 0.001"),
            ("max-rate", "0", "above 0"),
            ("simultaneous-uploads", "many", "many", "whole number"),
            ("test-chunks", "maybe", "maybe", "yes, no or adaptive"),
            ("keep-completed", "maybe", "maybe", "yes or no"),
            ("permanent-errors", "400;404", "400;404", "statuses"),
            ("permanent-errors", "99", "99"),
            ("dialect", "tus", "tus", "'flow'"),
            ("checksum", "md5", "md5"),
            ("insecure-credentials", "maybe", "maybe"),
            ("preprocess", "a_hook", "a_hook", "package.module:function"),
            ("preprocess", f"{__name__}:nothing", "nothing", "AttributeError"),
            ("preprocess", f"{__name__}:not_callable", "cannot be called"),
            ("generate-unique-identifier", "random", "random", "imported"),
            ("header", "no colon", "Name: value"),
            ("header", "Host: example.com", "frame a request"),
            ("header", "B d: x", "HTTP tokens"),
            ("header-file", "no such file", "no such file", "cannot be read"),
            ("header-file", __file__, "line 1"),
            ("header-file", host, "frame a request"),
            ("header-from-env", "X: NOT_THERE", "NOT_THERE", "environment"),
            ("query", "name", "name=value"),
            ("trust-root", "no such file", "cannot be read"),
            ("trust-root", empty, "no certificate"),
            ("trust-root", broken, "cannot be read"),
            ("client-certificate", empty, "private key"),
            ("client-certificate", locked, "passphrase"),
        ):
            error = self.assertRaises(BadArgument, read, (name, typed))
            for part in (f"--{name}" if typed != host else "--header", *parts):
                self.assertIn(part, str(error), name)

    def test_bad_secrets(self) -> None:
        """What may be a secret is not shown, even if it is wrong."""
        for typed in (
            ("header", "SECRET"),
            ("query", "SECRET"),
            ("header", "A: SEC\rRET"),
            ("proxy", "http://x:SECRET"),
            ("proxy", "x:SECRET"),
        ):
            self.assertNotIn("SEC", str(self.assertRaises(BadArgument, read, typed)))

    def test_both_ways(self) -> None:
        """Headers from a function go with no others."""
        hook = f"{__name__}:a_hook"
        error = self.assertRaises(BadArgument, read, ("header", "A: b"), ("headers-from", hook))
        self.assertIn("--headers-from", str(error))
        error = self.assertRaises(BadArgument, read, ("query", "a=b"), ("query-from", hook))
        self.assertIn("--query-from", str(error))

    def test_proxy_of_the_environment(self) -> None:
        """A proxy comes from the environment, unless one is given; a wrong one is told at once."""
        self.assertNotIn("proxy", read())
        self.patch(os, "environ", {"HTTPS_PROXY": "proxy.example", "http_proxy": "socks5://a:b@c"})
        self.assertEqual(read()["proxy"](TARGET), "http://proxy.example")
        self.assertIsNone(read(("proxy", "none"))["proxy"])
        self.assertEqual(read(("proxy", "http://other"))["proxy"], "http://other")
        self.assertTrue(callable(read(("target", f"{__name__}:a_hook"))["proxy"]))
        error = self.assertRaises(BadArgument, read, ("target", "http://example.com/"))
        self.assertIn("--proxy of the environment: must be http://HOST:PORT or", str(error))
        self.assertIn("not 'socks5://...'", str(error))

    def test_what_a_server_needs(self) -> None:
        """Where nothing is given, what the server needs goes before the defaults of the command."""
        target = (_BY_NAME["target"], TARGET)
        server = (_BY_NAME["server"], "laravel-chunk-upload")
        given = (_BY_NAME["simultaneous-uploads"], "7")
        for typed, number in (
            ((target,), "auto"),
            ((target, server), 1),
            ((target, server, given), 7),
        ):
            options = Options(**read_options(typed))
            self.assertEqual(options.simultaneous_uploads, number)
            self.assertEqual(options.min_file_size, 0)

    def test_no_target(self) -> None:
        """Without a target there is nothing to do."""
        error = self.assertRaises(BadArgument, read_options, [])
        self.assertIn("--target", str(error))
