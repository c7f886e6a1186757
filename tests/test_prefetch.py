"""
Tests for opening files ahead of their turn.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase

from txresumable import Resumable
from txresumable.testing import FakeClient

from .reentrancy.reactor import SplitReactor


class PrefetchTests(SynchronousTestCase):
    """
    A source that is opened in a thread.
    """

    def test_closed_before_the_result_arrives(self) -> None:
        """
        A file that failed and is retried is opened again, though that it was opened for the first
        try is heard of only now.
        """
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"content")
        client, reactor = FakeClient(), SplitReactor()
        uploader = Resumable(
            "http://example.com/",
            client=client,
            reactor=reactor,
            test_chunks=False,
            max_chunk_retries=0,
        )
        upload = uploader.add_file(path)
        reactor.works.pop()()
        reactor.results.pop()()  # it was looked at
        reactor.works.pop()()  # it is open, of which nobody has heard
        upload.file.retry()
        client.fail(ConnectionRefusedError())
        self.failureResultOf(upload)
        upload.file.retry()
        retried = upload.file.when_completed()
        reactor.let_all_arrive()
        client.answer(200)
        self.assertIs(self.successResultOf(retried), upload.file)
        self.assertEqual(client.uploads[-1].content, b"content")
        self.successResultOf(uploader.close())
