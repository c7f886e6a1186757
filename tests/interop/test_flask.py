"""Uploads to Flask under gunicorn: what resumable.js's samples do, and dash-uploader."""

from __future__ import annotations

import hashlib
import random
from typing import Any

from txresumable import ChunkRejected

from . import scenarios
from .receivers import DASH_RESUMABLE, FLASK_ALL, FLASK_LAST, FLASK_RENAMING


class FlaskAllTests(scenarios.Uploads):
    """
    The sample that looks whether all chunks are there: absent is 404.

    Four processes answer; one chunk at a time, as two of them may not make one folder.
    """

    receiver = FLASK_ALL
    options = {"server": "flask-sample"}
    slots = 1

    def stored_name(self, name: str, size: int) -> str:
        """The name as it was sent."""
        return name


class FlaskTwiceTests(scenarios.ReceiverTestCase):
    """What becomes of a file whose end the client did not get to know, and that it sends again."""

    receiver = FLASK_ALL
    options = {"server": "flask-sample"}
    content = random.randbytes(25_000)

    async def send_twice(self) -> str:
        """Send it twice, and read what is stored."""
        path = self.folder / "some.bin"
        path.write_bytes(self.content)
        for _ in range(2):
            await self.uploader(chunk_size=10_000).add_file(path)
        return self.server.stored()["some.bin"]

    async def test_appended(self) -> None:
        """The sample appends it to the first one."""
        twice = hashlib.sha256(self.content * 2).hexdigest()
        self.assertEqual(await self.send_twice(), twice)


class FlaskRenamingTests(FlaskTwiceTests):
    """The sample as it should be."""

    receiver = FLASK_RENAMING

    async def test_appended(self) -> None:
        """It takes the place of the first one."""
        once = hashlib.sha256(self.content).hexdigest()
        self.assertEqual(await self.send_twice(), once)


class FlaskLastTests(scenarios.ReceiverTestCase):
    """The sample that takes the last chunk for the end; its chunks come in order."""

    receiver = FLASK_LAST
    options = {"server": "flask-page"}

    async def test_arrives(self) -> None:
        """A file arrives whose size is no multiple of the size of its chunks."""
        path, digest = self.random_file(20 * 10_000 + 1)
        await self.upload(path, chunk_size=10_000)
        self.assertEqual(self.server.stored(), {"some.bin": digest})
        self.assert_each_sent_once(20)

    async def test_multiple(self) -> None:
        """One whose size is a multiple is taken for whole a chunk before its end, and fails."""
        path, _ = self.random_file(20 * 10_000)
        upload = self.uploader(chunk_size=10_000).add_file(path)
        rejected: Any = await self.assertFailure(upload, ChunkRejected)
        self.assertEqual((rejected.chunk_number, rejected.status), (20, 500))


class DashUploaderTests(FlaskAllTests):
    """PyPI's ``dash-uploader`` 0.6.1, which speaks resumable.js: absent is 500, by mistake."""

    receiver = DASH_RESUMABLE
    options = {"server": "dash-uploader"}
