"""
What a request is refused with.
"""

from __future__ import annotations

from attrs import define
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._runtime.printable import printable
from ...errors import InvalidOption
from ..errors import JournalUnavailable, NotRunning, PushError, UnknownEntry

__all__ = ["Refusal", "refusal_of"]

_log = Logger()


@define(eq=False)
class Refusal(Exception):
    """
    A request is refused.

    :ivar status: of the response.
    :ivar reason: a sentence for people.
    """

    status: int
    reason: str


def refusal_of(failure: Failure) -> Refusal:
    """
    How to respond to a request that failed.

    :param failure: what went wrong.
    """
    error = failure.value
    if isinstance(error, Refusal):
        return error
    if isinstance(error, OSError):
        return Refusal(400, f"The file cannot be looked at: {error.strerror or error}.")
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return Refusal(status, sentence(str(error)))
    _log.failure("A request for control failed", failure)
    return Refusal(500, "Something went wrong; the log of the service has it.")


def sentence(text: str) -> str:
    """The message of an error, as a sentence."""
    text = printable(text)
    return text if text.endswith(".") else f"{text[:1].upper()}{text[1:]}."


_STATUSES = (
    (UnknownEntry, 404),
    (JournalUnavailable, 503),
    (NotRunning, 503),
    (PushError, 409),
    (InvalidOption, 400),
    (ValueError, 400),
)
