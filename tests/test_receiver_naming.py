"""Tests for what finished files will be called."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txresumable._protocol.layout import ChunkLayout
from txresumable.receiver import AnnouncedFile, Refused
from txresumable.receiver.store.chunk import Chunk
from txresumable.receiver.store.naming import Naming


def file(name: str = "b.txt", path: str = "a/b.txt") -> AnnouncedFile:
    """A file that a client begins to send."""
    return AnnouncedFile(identifier="id", file_name=name, relative_path=path, size=35)


class NamingTests(SynchronousTestCase):
    """Paths of files."""

    def test_announced(self) -> None:
        """A chunk says what there is to know of its file."""
        chunk = Chunk(
            identifier="id",
            offset=1,
            layout=ChunkLayout(35, 10),
            file_name="b.txt",
            relative_path="a/b.txt",
            type="text/plain",
        )
        self.assertEqual(
            AnnouncedFile.of("somebody", chunk),
            AnnouncedFile(
                identifier="id",
                file_name="b.txt",
                size=35,
                relative_path="a/b.txt",
                owner="somebody",
                type="text/plain",
            ),
        )

    def test_folders(self) -> None:
        """Folders are those of the relative path, the name is the file's, and both are harmless."""
        naming = Naming(keep_folders=True)
        self.assertEqual(naming.path_of(file()), "a/b.txt")
        self.assertEqual(naming.path_of(file(path="")), "b.txt")
        self.assertEqual(naming.path_of(file("../c.txt", "../../x/y/c.txt")), "x/y/c.txt")
        self.assertEqual(naming.path_of(file("c.txt", "/.ssh/")), "ssh/c.txt")

    def test_flat(self) -> None:
        """Folders need not be kept."""
        naming = Naming(keep_folders=False)
        self.assertEqual(naming.path_of(file()), "b.txt")
        self.assertEqual(naming.path_of(file("x/y.txt")), "y.txt")

    def test_chosen(self) -> None:
        """What an application chooses is made harmless, too."""
        seen = []

        def choose(file: AnnouncedFile) -> str:
            seen.append(file)
            return f"../{file.identifier}/x:{file.file_name}"

        naming = Naming(keep_folders=False, choose=choose)
        self.assertEqual(naming.path_of(file()), "id/x_b.txt")
        self.assertEqual(seen, [file()])

    def test_chosen_badly(self) -> None:
        """What is no text is an error, and names the function."""
        choose: Any = lambda file: None  # noqa: E731
        error = self.assertRaises(TypeError, Naming(True, choose).path_of, file())
        self.assertIn("choose_name must return a str", str(error))

    def test_long(self) -> None:
        """A path that no system could open is refused."""
        naming = Naming(keep_folders=True)
        self.assertEqual(naming.path_of(file(path="a/" * 63 + "b.txt")), "a/" * 63 + "b.txt")
        long = ("x" * 199 + "/") * 10
        self.assertEqual(naming.path_of(file("y" * 48, long)), long + "y" * 48)
        for name, path in (("b", "a/" * 64 + "b"), ("y" * 49, long)):
            refused = self.assertRaises(Refused, naming.path_of, file(name, path))
            self.assertEqual(refused.status, 400)
