"""
The exceptions, with attributes.

Every exception of this package is a :class:`ResumableError`.  Uploads also fail with
:class:`~twisted.internet.defer.CancelledError` (when they are cancelled) and :class:`OSError` (the
file cannot be opened or read).  The first line of a class's docstring is shown to users.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from attrs import define, field

from ._runtime.printable import first_line, printable, text_of

if TYPE_CHECKING:
    from .file import ResumableFile

__all__ = [
    "ChecksumMismatch",
    "ChunkRejected",
    "ChunkTimeout",
    "ConnectFailed",
    "ConnectTimeout",
    "ConnectionBroken",
    "FileRejected",
    "FilesFailed",
    "HookInterrupted",
    "InsecureCredentials",
    "InvalidOption",
    "MalformedResponse",
    "NotAReceiver",
    "ProxyRefused",
    "ReceivedBefore",
    "Redirected",
    "ResumableError",
    "RetriesExhausted",
    "SourceChanged",
    "StaleConnection",
    "StallTimeout",
    "TLSRejected",
    "TransportError",
    "UnexpectedResponse",
    "UploaderClosed",
]


class ResumableError(Exception):
    """Something went wrong with an upload."""


@define(eq=False, slots=False)
class InvalidOption(ResumableError, ValueError):
    """
    An option has an invalid value.

    :ivar option: its name.
    :ivar value: the value.
    :ivar reason: what it must be, or what is wrong with that value.
    :ivar section: what the option is one of, as ``[folder.scans]``, if that is known.
    """

    option: str
    value: object
    reason: str
    section: str = ""

    @property
    def complaint(self) -> str:
        """What follows the name of the option in a sentence."""
        is_must = self.reason.startswith(("must be ", "must give ", "must have "))
        return f"{self.reason}, not {self.value!r}" if is_must else f"{self.value!r} {self.reason}"

    def __str__(self) -> str:
        return f"{self.section} {self.option} {self.complaint}".lstrip()


@define(eq=False, slots=False)
class FileRejected(ResumableError):
    """
    A file was refused before any of it was sent.

    :ivar file_name: its name.
    :ivar rule: the filter that refused it: the name of an option (``max_file_size``), or
        ``duplicate`` (other content under its identifier), ``regular_file``, ``file_name``.
    :ivar reason: the same as a sentence.
    """

    file_name: str
    rule: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file_name!r} was refused ({self.rule}): {self.reason}"


@define(eq=False, slots=False)
class FilesFailed(ResumableError):
    """
    Some of the files of an iterable failed; the others are on the server.

    :ivar files: those that failed, in that order; the ``error`` of each is the reason.  Those of
        a pickled one have ``file_name``, ``relative_path`` and ``error`` only.
    :ivar stored: how many are on the server.
    """

    files: list[ResumableFile]
    stored: int

    def __reduce__(self) -> tuple[Any, ...]:
        # Files are at work; what they were called and why they failed can be passed on.
        names = ("file_name", "relative_path", "error")
        kept = [SimpleNamespace(**{n: getattr(each, n) for n in names}) for each in self.files]
        return type(self), (kept, self.stored)

    def __str__(self) -> str:
        first, count = self.files[0], len(self.files)
        return f"{count} of {count + self.stored} files failed, {first.file_name!r}: {first.error}"


@define(eq=False, slots=False)
class SourceChanged(ResumableError):
    """
    The file changed while it was being uploaded; nothing of the new content was mixed in.

    :ivar path: the file.
    :ivar reason: what was noticed.
    """

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path!r} changed while it was being uploaded: {self.reason}"


@define(eq=False, slots=False)
class ChecksumMismatch(ResumableError):
    """
    The server has every chunk, but its digest of the whole file is not ours.

    :ivar file_name: the file.
    :ivar expected: our digest, as hexadecimal.
    :ivar received: the server's.
    """

    file_name: str
    expected: str
    received: str

    def __str__(self) -> str:
        return f"{self.file_name!r} has SHA-256 {self.expected} here, {self.received} there"


class UploaderClosed(ResumableError):
    """The uploader is closed, and takes and begins nothing more."""


class InsecureCredentials(ResumableError):
    """
    Credentials would be sent over plain HTTP to a host that is not this machine, or the given
    client (``client=``) would send a request for ``https://`` in the clear.
    """


class HookInterrupted(ResumableError):
    """A hook that an upload waited for was cancelled, or raised what is not an Exception."""


class TransportError(ResumableError):
    """There was no usable response; whether the server acted on the request is not known."""


class ConnectFailed(TransportError):
    """No connection could be made; nothing was sent.  The cause is Twisted's error."""


class ConnectTimeout(ConnectFailed):
    """Name resolution, connecting and the TLS handshake took too long."""


class ProxyRefused(ResumableError):
    """The proxy does not let requests through, or not with this user and password."""


class TLSRejected(ResumableError):
    """The server's certificate could not be verified, or it refused ours."""


class ConnectionBroken(TransportError):
    """The connection ended before the response was complete."""


class StaleConnection(ConnectionBroken):
    """An idle connection turned out to be closed as it was reused."""


class StallTimeout(TransportError):
    """No byte moved in either direction, or a response did not end, for too long."""


class ChunkTimeout(TransportError):
    """A request took longer than chunk_timeout allows."""


class MalformedResponse(TransportError):
    """The server's response is not valid HTTP."""

    is_http = False
    """Whether it is HTTP all the same, of which only the body cannot be read."""


@define(eq=False, slots=False)
class ChunkRejected(ResumableError):
    """
    The server refused a chunk permanently.

    :ivar status: the HTTP status.
    :ivar body: the text of the response, at most 64 KiB of it.
    :ivar url: the URL of the request, without its query string.
    :ivar chunk_number: counted from 1.
    :ivar file_name: the file.
    :ivar of_test: whether it was the test of the chunk, and not the upload.
    :ivar advice: what may help, or nothing.
    """

    status: int
    body: str
    url: str
    chunk_number: int = 0
    file_name: str = ""
    of_test: bool = False
    advice: str = ""

    def __str__(self) -> str:
        shown = f": {text}" if (text := text_of(self.body)[:200]) else ""
        advice = f" ({self.advice})" if self.advice else ""
        which = _chunk_of(self.chunk_number, self.file_name)
        test = "the test of " if self.of_test else ""
        return f"{test}{which} was refused with {self.status} by {self.url}{shown}{advice}"


@define(eq=False, slots=False)
class Redirected(ChunkRejected):
    """
    The server redirected an upload; following would lose the chunk.

    :ivar location: where it points, without its query string.
    """

    location: str = ""

    def __str__(self) -> str:
        return (
            f"{_chunk_of(self.chunk_number, self.file_name)} was redirected with {self.status} by "
            f"{self.url} to {printable(self.location) or 'nowhere'}; "
            "set target to the final address"
        )


@define(eq=False, slots=False)
class ReceivedBefore(ChunkRejected):
    """The receiver has received the file before, and it was removed from there since."""

    def __str__(self) -> str:
        which = f"{self.file_name!r} was " if self.file_name else ""
        return (
            f"{which}received before, taken since: {self.url} does not want it again; again=True "
            "(--again) sends it all the same"
        )


@define(eq=False, slots=False)
class NotAReceiver(ResumableError):
    """
    The server claims to have a chunk of a file that does not exist, so nothing it says counts.

    :ivar url: where it was asked, without its query string.
    :ivar dialect: the option.
    :ivar status: the HTTP status of its response.
    :ivar file_name: the file that was to be uploaded.
    """

    url: str
    dialect: str
    status: int
    file_name: str = ""

    def __str__(self) -> str:
        return (
            f"{self.url} responds with {self.status} to a test for a file that does not exist: it "
            f"is no receiver, or not one of the dialect {self.dialect!r}; for one that does not "
            "respond to tests, test_chunks=False (--test-chunks no) sends without"
        )


@define(eq=False, slots=False)
class UnexpectedResponse(ResumableError):
    """
    The server accepted every chunk, but what it said is not what ``expect_response`` allows; or,
    without that, it responded to one with a page of HTML, as to log in, which stores nothing.

    :ivar file_name: the file.
    :ivar response: the text of the last response, at most 64 KiB of it.
    :ivar advice: what may help, or nothing.
    """

    file_name: str
    response: str
    advice: str = ""

    def __str__(self) -> str:
        text = printable(" ".join(self.response.split())[:200])
        advice = f" ({self.advice})" if self.advice else ""
        shown = f"{text or 'nothing'}{advice}"
        return f"{self.file_name!r} was accepted with an unexpected response: {shown}"


@define(eq=False, slots=False)
class RetriesExhausted(ResumableError):
    """
    A chunk was tried as often as allowed and is still not on the server.

    :ivar last: the error of the last attempt, which is also the ``__cause__``.
    :ivar attempts: how many attempts were made.
    :ivar chunk_number: counted from 1; 0 if it was a chunk of another file that found out for all.
    :ivar file_name: the file.
    :ivar of_server: whether the server cannot be reached or refuses everybody, not this file alone.
    """

    last: Exception
    attempts: int = field(default=0)
    chunk_number: int = field(default=0)
    file_name: str = field(default="")
    of_server: bool = field(default=False)

    def __attrs_post_init__(self) -> None:
        self.__cause__ = self.last

    def __str__(self) -> str:
        what = str(self.last) or first_line(type(self.last))
        which = _chunk_of(self.chunk_number, self.file_name)
        return f"{which} failed {self.attempts} times, the last time: {what}"


def _chunk_of(number: int, file_name: str) -> str:
    chunk = f"chunk {number}" if number else ""
    return " of ".join(filter(None, (chunk, file_name and repr(file_name)))) or "it"
