"""
A wrong address is no reason to wait for long.
"""

from __future__ import annotations

from twisted.internet.error import (
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
)

from txresumable import InvalidOption, RetriesExhausted
from txresumable._cli.first_contact import FirstContact

from .uploader_rig import TARGET, UploaderTestCase


class FirstContactTests(UploaderTestCase):
    """
    Five tries, if nobody was ever there.
    """

    def start(self) -> None:
        policy = FirstContact({"target": TARGET, "chunk_retry_interval": 1.0})
        uploader = self.uploader(test_chunks=False, retry_policy=policy, simultaneous_uploads=1)
        policy.watch(uploader)
        self.upload = uploader.add_file(b"x" * 20, file_name="a")

    def fail(self, error: type[Exception], times: int) -> None:
        for _ in range(times):
            self.assertNoResult(self.upload)
            self.client.fail(error())
            self.clock.advance(1)

    def test_nobody(self) -> None:
        """An unknown host and a port without a server end it."""
        for error in (ConnectionRefusedError, DNSLookupError):
            self.start()
            self.fail(error, 5)
            self.assertEqual(self.failureResultOf(self.upload, RetriesExhausted).value.attempts, 5)

    def test_the_network(self) -> None:
        """A network that is down does not: it may come up."""
        self.start()
        self.fail(NoRouteError, 20)
        self.answer_all()
        self.successResultOf(self.upload)

    def test_somebody(self) -> None:
        """A server that was there is waited for, whether it stored anything or refused."""
        for status in (200, 520):
            self.start()
            self.client.answer(status)
            self.clock.advance(1)
            self.fail(ConnectionRefusedError, 20)
            self.answer_all()
            self.successResultOf(self.upload)

    def test_options(self) -> None:
        """What is no interval is refused here as well."""
        options = {"target": TARGET, "chunk_retry_interval": -1.0}
        self.assertRaises(InvalidOption, FirstContact, options)
