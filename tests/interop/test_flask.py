"""Uploads to Flask under gunicorn: what resumable.js's samples do, and dash-uploader."""

from __future__ import annotations

from typing import Any

from txresumable import ChunkRejected

from . import scenarios
from .receivers import DASH_RESUMABLE, FLASK_ALL, FLASK_LAST


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
