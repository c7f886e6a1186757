"""Tests for the files that servers are examined with."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.control import is_impossible
from txresumable.doctor.specimen import PREFIX, Specimens


class SpecimenTests(SynchronousTestCase):
    """What they are made of."""

    def test_names(self) -> None:
        """Each has a name of its own, in each examination, of letters that all servers take."""
        specimens = Specimens()
        names = [specimens.make(100).name for _ in range(20)]
        self.assertEqual(len(set(names)), 20)
        self.assertEqual(len({len(name) for name in names}), 1)
        self.assertNotIn(Specimens().make(100).name, names)
        for name in names:
            self.assertRegex(name, rf"\A{PREFIX}[0-9a-f]{{8}}-[0-9]{{3}}\Z")
            self.assertFalse(is_impossible(name))
        self.assertEqual([each.name for each in specimens.made], names)

    def test_content(self) -> None:
        """Chunks have the sizes of their layout, and are different, but the same each time."""
        for force, sizes in ((False, [10, 15]), (True, [10, 10, 5])):
            specimen = Specimens().make(25, chunk_size=10, force=force)
            chunks = [specimen.chunk(number) for number in range(1, specimen.layout.count + 1)]
            self.assertEqual([len(chunk) for chunk in chunks], sizes)
            self.assertEqual(chunks, [specimen.chunk(n + 1) for n in range(len(sizes))])
            self.assertEqual(len(set(chunks)), len(chunks))

    def test_facts(self) -> None:
        """What requests state about it."""
        specimen = Specimens("abc").make(25, chunk_size=10, folder="a/b")
        facts = specimen.facts
        self.assertEqual(facts.file_name, f"{PREFIX}abc-000.bin")
        self.assertEqual(facts.relative_path, f"a/b/{facts.file_name}")
        self.assertEqual(facts.identifier, f"{PREFIX}abc-000")
        self.assertEqual((facts.size, facts.total_chunks), (25, 2))
        self.assertEqual(facts.type, "application/octet-stream")
        flat = Specimens("abc").make(25).facts
        self.assertEqual(flat.relative_path, flat.file_name)

    def test_with_rest(self) -> None:
        """One that is no multiple of a chunk has as many chunks by its rule."""
        for force in (False, True):
            for chunks in (2, 3, 4):
                layout = Specimens().make_with_rest(chunks, force).layout
                self.assertEqual(layout.count, chunks)
                self.assertNotEqual(layout.size % layout.chunk_size, 0)
