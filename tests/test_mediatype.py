"""
Media types by name.
"""

from __future__ import annotations

import mimetypes

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txresumable._source.mediatype import type_of

ends = st.sampled_from(
    sorted({*mimetypes.types_map, *mimetypes.suffix_map, *mimetypes.encodings_map, ".", ".x", ""})
)
stems = st.text(max_size=5) | st.sampled_from(["", ".", "a", "data:", "http://h/", "a/b", "a\\b"])


class TypeOfTests(SynchronousTestCase):
    """
    What is remembered is what would be found.
    """

    @given(stems, st.lists(ends, max_size=4), st.booleans())
    @example("data:text/html,a", [".b"], False)
    @example("a", [".txt", ".gz"], False)
    @example(".", [".txt"], False)
    def test_as_guessed(self, stem: str, ends: list[str], shouted: bool) -> None:
        """Any name has the type that the standard library guesses."""
        name = stem + "".join(ends)
        name = name.upper() if shouted else name
        self.assertEqual(type_of(name), mimetypes.guess_type(name, strict=False)[0] or "")

    def test_common(self) -> None:
        """So are those that are common, but no standard."""
        mimetypes.add_type("application/x-ours", ".only-ours", strict=False)
        self.addCleanup(mimetypes.common_types.pop, ".only-ours")
        self.assertEqual(type_of("a.only-ours"), "application/x-ours")

    def test_no_descriptors(self) -> None:
        """If the tables cannot be read now, there is no type now, and there may be one later."""

        def refuse(*_: object, **__: object) -> None:
            raise OSError

        guess_type = mimetypes.guess_type
        self.patch(mimetypes, "guess_type", refuse)
        self.assertEqual(type_of("a.never-asked.html"), "")
        self.patch(mimetypes, "guess_type", guess_type)
        self.assertEqual(type_of("a.never-asked.html"), "text/html")
