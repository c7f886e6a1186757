"""
A wrong address is no reason to wait for long.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.error import (
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
)

from txresumable import ConnectFailed, ConnectTimeout, InvalidOption, RetriesExhausted
from txresumable._cli.first_contact import FirstContact

from .uploader_rig import TARGET, UploaderTestCase


def connect_failed(cause: Exception) -> ConnectFailed:
    """As the connector has it, of a connection that was lost before it was ready."""
    error = ConnectFailed("no connection")
    error.__cause__ = cause
    return error


class FirstContactTests(UploaderTestCase):
    """
    Five tries, if nobody was ever there.
    """

    def start(self) -> None:
        policy = FirstContact({"target": TARGET, "chunk_retry_interval": 1.0})
        uploader = self.uploader(test_chunks=False, retry_policy=policy, simultaneous_uploads=1)
        policy.watch(uploader)
        self.upload = uploader.add_file(b"x" * 20, file_name="a")

    def fail(self, error: Callable[[], Exception], times: int) -> None:
        for _ in range(times):
            self.assertNoResult(self.upload)
            self.client.fail(error())
            self.clock.advance(1)

    def test_nobody(self) -> None:
        """
        An unknown host, a port without a server and one that breaks off TLS end it, and a proxy
        that has no way there.
        """
        for error in (ConnectionRefusedError, DNSLookupError, ConnectionLost, ConnectionDone):
            self.start()
            self.fail(lambda error=error: connect_failed(error()), 5)
            self.assertEqual(self.failureResultOf(self.upload, RetriesExhausted).value.attempts, 5)
        for error in (ConnectionRefusedError, DNSLookupError, ConnectFailed):
            self.start()
            self.fail(error, 5)
            self.assertEqual(self.failureResultOf(self.upload, RetriesExhausted).value.attempts, 5)

    def test_the_network(self) -> None:
        """A network that is down does not, nor does a silent one: it may come up."""
        for error in (NoRouteError, lambda: ConnectTimeout("no connection within 30 s")):
            self.start()
            self.fail(error, 20)
            self.answer_all()
            self.successResultOf(self.upload)

    def test_somebody(self) -> None:
        """A server that was there is waited for, whether it stored anything or refused."""
        for status in (200, 520):
            self.start()
            self.client.respond(status)
            self.clock.advance(1)
            self.fail(ConnectionRefusedError, 20)
            self.answer_all()
            self.successResultOf(self.upload)

    def test_options(self) -> None:
        """What is no interval is refused here as well."""
        options = {"target": TARGET, "chunk_retry_interval": -1.0}
        self.assertRaises(InvalidOption, FirstContact, options)
