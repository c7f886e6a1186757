"""
Tests for what becomes of files whose upload has failed.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from txresumable import (
    ChecksumMismatch,
    ChunkRejected,
    ConnectFailed,
    ConnectionBroken,
    FileRejected,
    InsecureCredentials,
    InvalidOption,
    MalformedResponse,
    NotAReceiver,
    ProxyRefused,
    ReceivedBefore,
    Redirected,
    ResumableError,
    RetriesExhausted,
    SourceChanged,
    TLSRejected,
    UnexpectedResponse,
    UploaderClosed,
)
from txresumable.push.delivery.fate import Fate, fate_of


def refused(status: int) -> ChunkRejected:
    """A refusal."""
    return ChunkRejected(status, "", "http://x/")


class FateTests(SynchronousTestCase):
    """What fails for good, in passing, or for the target's sake."""

    def check(self, fate: Fate, *errors: BaseException) -> None:
        """These errors lead to that."""
        for error in errors:
            self.assertIs(fate_of(error), fate, error)

    def test_of_the_target(self) -> None:
        """No file is to blame."""
        exhausted = RetriesExhausted(refused(503), 3, of_server=True)
        self.check(Fate.UNREACHABLE, exhausted, RetriesExhausted(ConnectFailed("no way"), 3))
        self.check(Fate.UNREACHABLE, TLSRejected(""), ProxyRefused(""), InsecureCredentials(""))
        self.check(Fate.UNREACHABLE, NotAReceiver("", "", 200))

    def test_perhaps_of_the_target(self) -> None:
        """Another file may tell."""
        self.check(Fate.REFUSED, *(refused(status) for status in (401, 403, 404, 405, 407, 413)))
        self.check(Fate.REFUSED, Redirected(302, "", ""), UnexpectedResponse("a", "<html>"))
        self.check(Fate.REFUSED, *(refused(status) for status in (500, 502, 503, 504, 507)))
        self.check(Fate.REFUSED, RetriesExhausted(refused(502), 3), ConnectionBroken(""))
        self.check(Fate.REFUSED, RetriesExhausted(MalformedResponse("SSH-2.0"), 3))
        self.check(Fate.REFUSED, ResumableError("no headers"), InvalidOption("target", 5, "no"))

    def test_in_passing(self) -> None:
        """Another attempt may succeed."""
        self.check(Fate.AGAIN, *(refused(status) for status in (408, 409, 429)))
        self.check(Fate.AGAIN, RetriesExhausted(ChecksumMismatch("a", "1", "2"), 3))
        self.check(Fate.AGAIN, PermissionError(13, ""), OSError(5, ""), ZeroDivisionError())
        self.check(Fate.AGAIN, ChecksumMismatch("a", "1", "2"))
        self.check(Fate.AGAIN, FileRejected("a", "duplicate", "another file"))

    def test_for_good(self) -> None:
        """None can."""
        self.check(Fate.FAILED, refused(400), refused(415), refused(410), refused(422))
        self.check(Fate.FAILED, FileRejected("a", "max_file_size", ""))

    def test_others(self) -> None:
        """What has changed, is gone, was stopped, or is there."""
        self.check(Fate.CHANGED, SourceChanged("a", ""))
        self.check(Fate.GONE, FileNotFoundError(), NotADirectoryError(), IsADirectoryError())
        self.check(Fate.STOPPED, CancelledError(), UploaderClosed())
        self.check(Fate.STORED, ReceivedBefore(410, "", ""))
