"""
Whatever comes from outside: names in every alphabet, and any text for each thing that reads text.

Replies have ``tests/faults/test_response_parser.py``; the receiver's parsers have their own files.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import unicodedata
from collections import defaultdict
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txresumable import FileRejected, Resumable
from txresumable._cli.argument import BadArgument
from txresumable._cli.arguments import ARGUMENTS
from txresumable._protocol.ranges import parse_ranges
from txresumable._protocol.url import without_query
from txresumable.receiver.store.record import Done, Record
from txresumable.receiver.values import number, size, span
from txresumable.retry import retry_after
from txresumable.testing import ScriptedReceiver

TARGET = "https://receiver.example/upload"

texts = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="0123456789.,;:-+_=kKmMgGiBsmhd /\t\r\n\0%eE", max_size=30),
    st.integers().map(str),
    st.binary(max_size=30).map(os.fsdecode),
)


@cache
def categories() -> dict[str, list[str]]:
    """Characters of each of Unicode's categories: the first, the last, and some in between."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for code in range(0x110000):
        found[unicodedata.category(chr(code))].append(chr(code))
    return {
        name: [every[0], *every[1 :: max(1, len(every) // 10)], every[-1]]
        for name, every in found.items()
    }


class NameTests(SynchronousTestCase):
    """
    Names of files, from the uploader to the receiver.
    """

    def check(self, name: str) -> None:
        """One file arrives, by its name, and no request is anything else than it says."""
        receiver = ScriptedReceiver()
        uploader = Resumable(TARGET, client=receiver, reactor=Clock())
        upload = uploader.add_file(b"content", file_name=name)
        if "\0" in name:
            self.failureResultOf(upload, FileRejected)
            self.assertEqual(receiver.files, {})
            return
        file = self.successResultOf(upload)
        sent = re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", name)
        (stored,) = receiver.files.values()
        self.assertEqual((stored.file_name, stored.content), (sent, b"content"))
        self.assertTrue(re.fullmatch(r"[0-9A-Za-z_-]{1,128}", file.unique_identifier))
        self.successResultOf(uploader.close())

    def test_every_category(self) -> None:
        """A name may hold characters of any of Unicode's categories, surrogates included."""
        self.assertEqual(len(categories()), 30)
        for characters in categories().values():
            for name in (*characters, "".join(characters).replace("\0", "")):
                self.check(f"a{name}b")

    @settings(max_examples=150, deadline=None)
    @given(st.binary(min_size=1, max_size=60).map(os.fsdecode))
    def test_any_name_on_disk(self, name: str) -> None:
        """Whatever bytes a file system has for a name, the file arrives."""
        self.check(name.replace("/", "_"))

    @settings(max_examples=150, deadline=None)
    @given(st.text(min_size=1, max_size=60))
    def test_any_text(self, name: str) -> None:
        """Whatever text is given as a name, the file arrives."""
        self.check(name)

    def test_lines_and_length(self) -> None:
        """Newlines of every kind, and 10 kB of anything, are a name as well."""
        for name in ("a\nb", "a\rb", "a\r\n\r\nb", "\x85", "\u2028", "x" * 10_000, "日" * 3_400):
            self.check(name)
        self.check('\udcff\n"\\' * 2_500)


class ReaderTests(SynchronousTestCase):
    """
    Any text is read as something, or refused by the one error that is documented.
    """

    @settings(max_examples=300, deadline=None)
    @given(texts)
    def test_arguments(self, text: str) -> None:
        """An argument of the command's is a value, or a bad argument."""
        for argument in ARGUMENTS:
            if not argument.is_switch and not _names_code(argument.read):
                try:
                    argument.value_of(text)
                except BadArgument as error:
                    self.assertEqual(error.name, argument.name)

    @settings(max_examples=300, deadline=None)
    @given(texts)
    def test_receiver_options(self, text: str) -> None:
        """An option of the receiver's is a number, nothing, or a :exc:`ValueError`."""
        for read in (size, span, number):
            try:
                self.assertTrue((read(text) or 0) >= 0)
            except ValueError as error:
                self.assertTrue(str(error).startswith("must be"), error)

    @given(texts, st.floats(0, 1e10))
    def test_retry_after(self, text: str, now: float) -> None:
        """Retry-After is seconds from now, or nothing."""
        self.assertGreaterEqual(retry_after(text, now) or 0, 0)

    @given(texts, st.integers(0, 1000))
    def test_ranges(self, text: str, limit: int) -> None:
        """The list of stored chunks stays within the file."""
        for found in parse_ranges(text, limit):
            self.assertTrue(0 <= found.start < found.stop <= limit, found)

    @given(texts)
    def test_shown_urls(self, text: str) -> None:
        """A URL is shown without what follows its question mark, whatever it is."""
        self.assertNotIn("?s3cret", without_query(f"{text}?s3cret"))
        self.assertNotIn("s3cret", without_query(f"http://user:s3cret@host/{text}"))

    @settings(max_examples=300, deadline=None)
    @given(
        st.one_of(
            st.binary(max_size=60),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                lambda each: (
                    st.lists(each, max_size=3)
                    | st.dictionaries(
                        st.sampled_from(("record", "name", "size", "chunk_size", "owner", "x")),
                        each,
                    )
                ),
                max_leaves=8,
            ).map(lambda found: json.dumps(found).encode() + b"\n"),
        )
    )
    def test_records(self, written: bytes) -> None:
        """What the receiver finds on its disk is a record, or a :exc:`ValueError`."""
        for kind in (Record, Done):
            with contextlib.suppress(ValueError):
                kind.decode(written)


def _names_code(read: Any) -> bool:
    return getattr(read, "__name__", "") in ("_function", "_identify", "_target")
