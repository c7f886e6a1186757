"""
What is said before a file fails.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionRefusedError

from txresumable import TransportError
from txresumable._cli.reasons import Reasons, short

from .uploader_rig import UploaderTestCase


class ReasonsTests(UploaderTestCase):
    """
    Each reason at its second time, and whenever that has doubled.
    """

    def test_said(self) -> None:
        """The line has the file, when it goes on, and why; the first time is not worth one."""
        uploader, said = self.uploader(test_chunks=False), []
        Reasons(uploader, said.append)
        upload = uploader.add_file(b"x", file_name="a")
        self.client.respond(520)
        self.clock.advance(1)
        self.client.fail(ConnectionRefusedError())
        self.clock.advance(1)
        self.assertEqual(said, [])
        for expected in (1, 1, 2, 2, 2, 2, 3):
            self.client.respond(520, b"<title>Busy</title>")
            self.clock.advance(1)
            self.assertEqual(len(said), expected)
        place = "http://receiver.example/upload"
        self.assertEqual(
            said[0],
            f"a: next try in 1.0 s, 2 failed: chunk 1 was refused with 520 by {place}: Busy",
        )
        self.answer_all()
        self.successResultOf(upload)

    def test_short(self) -> None:
        """In a few words, without what differs from chunk to chunk."""
        self.assertEqual(short(TransportError("ConnectionLost: it went away")), "ConnectionLost")
        self.assertEqual(short(None), "")
