"""Uploads to the Node.js samples of resumable.js and flow.js."""

from __future__ import annotations

from typing import Any

from txresumable import ChunkRejected

from . import scenarios
from .receivers import FLOWJS_NODE, RESUMABLEJS_NODE


class ResumableJsNodeTests(scenarios.RememberedUploads):
    """
    npm's ``resumablejs`` 1.1.0: absent is 404.

    It computes the number of chunks by the floor rule, whatever the client says; it may say "done"
    to two chunks that came together; and it answers with a status word that its host has to judge.
    """

    receiver = RESUMABLEJS_NODE
    options = {"server": "node-sample"}

    async def test_absent_is_404(self) -> None:
        """A test that is answered 404 means that the chunk is to be sent; no file fails for it."""
        path, _ = self.random_file(30_000)
        await self.upload(path, chunk_size=10_000)
        self.assertEqual(self.server.statuses("GET"), {404})

    async def test_ceil_rule_is_refused(self) -> None:
        """
        The chunk that only the ceil rule has fails the file, with the receiver's own words.

        What lies there then depends on which of the others came first: to this receiver the file
        ends with the second chunk.
        """
        path, _ = self.random_file(25_000)
        uploader = self.uploader(chunk_size=10_000, force_chunk_size=True)
        rejected: Any = await self.assertFailure(uploader.add_file(path), ChunkRejected)
        self.assertEqual(rejected.status, 400)
        self.assertIn("invalid_resumable_request1", str(rejected.body))
        self.assertFalse(uploader.files[0].is_completed)

    async def test_reply_of_the_last_chunk(self) -> None:
        """A file keeps what the receiver said at its end."""
        path, _ = self.random_file(30_000)
        file = await self.upload(path, chunk_size=10_000, simultaneous_uploads=1)
        self.assertEqual(file.response, "done")


class FlowJsNodeTests(scenarios.RememberedUploads):
    """npm's ``@flowjs/flow.js``: the same sample in flow.js's words; absent is 204."""

    receiver = FLOWJS_NODE
    options = {"server": "flow-node-sample"}
