"""Tests for the options that say where finished files go."""

from __future__ import annotations

import sys
from typing import Any
from unittest.mock import patch

from twisted.internet.task import Clock
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from txresumable.receiver import ObjectStore, ReceivedFile, Store
from txresumable.receiver.objects.start import StartOnceFit
from txresumable.receiver.storage import make_store
from txresumable.receiver.tap import Options, makeService

BUCKET = ("--store", "s3://bucket/a/b", "--s3-endpoint", "http://127.0.0.1:1")


def parse(*arguments: str) -> Options:
    options = Options()
    options.parseOptions(list(arguments))
    return options


class StorageTests(SynchronousTestCase):
    """A folder, or a bucket."""

    def refused(self, *arguments: str) -> str:
        with self.assertRaises(UsageError) as caught:
            parse(*arguments)
        return str(caught.exception)

    def test_folder(self) -> None:
        """Without --store files go to a folder, with the limits that are given."""
        root = self.mktemp()
        store, objects = make_store(parse("-d", root, "--expire", "1h"), Clock(), None)
        self.addCleanup(store.close)
        assert isinstance(store, Store)
        self.assertIsNone(objects)
        self.assertEqual(store.expire, 3600)

    def test_bucket(self) -> None:
        """With it they go to a bucket, likewise, below a prefix that ends with a slash."""
        given = ("--s3-region", "eu-x-1", "--s3-deadline", "7", "--memory", "8M", "--expire", "1h")
        options = parse(*BUCKET, *given)
        facts = (options["bucket"], options["prefix"], options["memory"], options["s3-deadline"])
        self.assertEqual(facts, ("bucket", "a/b/", 8 << 20, 7))
        store, objects = make_store(options, Clock(), None)
        assert isinstance(store, ObjectStore) and objects is not None
        self.assertEqual((objects.bucket, store.expire), ("bucket", 3600))
        self.assertIn("'a/b/'", repr(store))
        self.successResultOf(store.close())

    def test_prefixes(self) -> None:
        """The prefix may be left out, and slashes around it do not count."""
        for url, expected in (
            ("s3://bucket", ("bucket", "")),
            ("s3://bucket/", ("bucket", "")),
            ("s3://bucket/a", ("bucket", "a/")),
            ("s3://bucket//a/b//", ("bucket", "a/b/")),
        ):
            options = parse("--store", url, *BUCKET[2:])
            self.assertEqual((options["bucket"], options["prefix"]), expected)
            self.assertEqual((options["memory"], options["s3-deadline"]), (64 << 20, 30))

    def test_either_or(self) -> None:
        """What is about the one is refused with the other, by its name."""
        for given in (
            ("--directory", "x"),
            ("--existing", "suffix"),
            ("--mode", "0640"),
            ("--quota", "1G"),
            ("--no-fsync",),
            ("--flat",),
        ):
            why = self.refused(*BUCKET, *given)
            self.assertEqual(why, f"{given[0]} is for --directory, not for --store")
        for given in (
            ("--s3-endpoint", "http://x"),
            ("--s3-region", "x"),
            ("--s3-deadline", "30s"),
            ("--memory", "64M"),
            ("--no-digest",),
        ):
            why = self.refused("--directory", self.mktemp(), *given)
            self.assertEqual(why, f"{given[0]} is for --store")

    def test_wrong(self) -> None:
        """What cannot be is refused by the name of its option."""
        for given, name in (
            (("--store", "bucket"), "store"),
            (("--store", "gs://bucket"), "store"),
            (("--store", "s3://"), "store"),
            (("--store", "s3://a b"), "store"),
            (("--store", "s3://bucket/a/../b", *BUCKET[2:]), "store"),
            (("--store", "s3://bucket/a//b", *BUCKET[2:]), "store"),
            (("--store", "s3://bucket/a\nb", *BUCKET[2:]), "store"),
            (("--store", f"s3://bucket/{'a' * 601}", *BUCKET[2:]), "store"),
            (("--store", "s3://bucket", "--s3-endpoint", "localhost"), "s3-endpoint"),
            ((*BUCKET, "--memory", "1K"), "memory"),
            ((*BUCKET, "--memory", "much"), "memory"),
            ((*BUCKET, "--s3-deadline", "0"), "s3-deadline"),
        ):
            self.assertIn(f"--{name}", self.refused(*given))

    def test_without_botocore(self) -> None:
        """Without botocore it says what to install."""
        with patch.dict(sys.modules, {"botocore": None}):
            self.assertIn("txresumable[s3]", self.refused(*BUCKET))

    def test_location(self) -> None:
        """Where a file is, its URL says."""
        made: dict[str, Any] = {}

        def note(objects: Any, **given: Any) -> Any:
            made.update(given)

        with patch("txresumable.receiver.storage.ObjectStore", note):
            make_store(parse(*BUCKET), Clock(), None)
        self.assertEqual(made["location"]("a/b/c"), "s3://bucket/a/b/c")
        self.assertIs(made["digest"], True)
        self.assertIn("location", {field.name for field in ReceivedFile.__attrs_attrs__})

    def test_no_digest(self) -> None:
        """With --no-digest nothing is read for digests that nobody wants."""
        with patch("txresumable.receiver.storage.ObjectStore") as made:
            make_store(parse(*BUCKET, "--no-digest"), Clock(), None)
        self.assertIs(made.call_args.kwargs["digest"], False)

    def test_service(self) -> None:
        """A receiver into a bucket starts once that has proved fit, one into a folder at once."""
        service = makeService(parse(*BUCKET, "--port", "0"))
        self.assertIsInstance(service, StartOnceFit)
        self.successResultOf(service.stopService())  # type: ignore[arg-type]
        service = makeService(parse("-d", self.mktemp(), "--port", "0"))
        self.assertNotIsInstance(service, StartOnceFit)
        self.successResultOf(service.stopService())  # type: ignore[arg-type]
