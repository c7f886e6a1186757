"""Uploads to the servlet that resumable.js carries."""

from __future__ import annotations

from typing import Any

from txresumable import ResumableFile, UnexpectedResponse

from . import scenarios
from .receivers import RESUMABLEJS_JAVA
from .scenarios import KIB


class ResumableJsJavaTests(scenarios.ReceiverTestCase):
    """npm's ``resumablejs`` 1.1.0, its sample for Java: absent is 404, and chunks are octets."""

    receiver = RESUMABLEJS_JAVA
    options = {"server": "java-sample-1.1"}

    async def test_arrives(self) -> None:
        """A file arrives, each chunk of it is sent once, and what was there before is not sent."""
        path, digest = self.random_file(20 * 16 * KIB + 1)
        await self.upload(path, chunk_size=16 * KIB)
        self.assertEqual(self.server.stored(), {"some.bin": digest})
        self.assert_each_sent_once(20)

    async def cut_short(self, size: int, **options: Any) -> None:
        """What lies there is shorter than the file, which the last response alone shows."""

        def is_finished(file: ResumableFile) -> bool:
            return file.response == "All finished."

        path, digest = self.random_file(size)
        uploader = self.uploader(chunk_size=16 * KIB, expect_response=is_finished, **options)
        await self.assertFailure(uploader.add_file(path), UnexpectedResponse)
        self.assertNotIn(digest, self.server.stored().values())

    async def test_multiple(self) -> None:
        """A file of whole chunks is finished without the last of them."""
        await self.cut_short(4 * 16 * KIB)

    async def test_ceil_rule(self) -> None:
        """So is every file by the ceil rule."""
        await self.cut_short(4 * 16 * KIB + 1, force_chunk_size=True)
