"""Uploads to the PHP sample that resumable.js carries."""

from __future__ import annotations

from txresumable import UnexpectedResponse

from . import scenarios
from .receivers import RESUMABLEJS_PHP
from .scenarios import MIB


class ResumableJsPhpTests(scenarios.Uploads):
    """npm's ``resumablejs`` 1.1.0, its page on PHP: absent is 404."""

    receiver = RESUMABLEJS_PHP
    options = {"server": "php-sample"}

    def stored_name(self, name: str, size: int) -> str:
        """The name as it was sent."""
        return name

    async def test_too_large_for_php(self) -> None:
        """
        A chunk above PHP's own limit of 2 MiB is accepted and thrown away, which nothing but the
        last response shows.
        """
        path, _ = self.random_file(6 * MIB)
        upload = self.uploader(chunk_size=3 * MIB).add_file(path)
        await self.assertFailure(upload, UnexpectedResponse)
        await self.server.stop()
        self.assertEqual(self.server.statuses("POST"), {200})
        self.assertEqual(self.server.stored(), {})
