"""
What is remembered about the requests of one file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._protocol.request import FileFacts, RequestEncoder
from .._protocol.template import Template
from .transfer import Transfer

if TYPE_CHECKING:
    pass

__all__ = ["Plan"]


class Plan:
    """
    What is remembered about the requests of one file.

    :ivar template: writes them.
    :ivar hopeless: how often chunks were refused for what does not change, if any was.
    :ivar misses: how many tests in a row got "absent".
    :ivar sampled: the only chunk that is tested while files are new; -1 for none, and
        :data:`None` as long as that is not decided.
    :ivar is_believed: whether the one server of its chunks knows what it has.
    :ivar asks_in_vain: whether there is no other URL at which a server could show that.
    :ivar losses: how often the server turned out to lack what it had confirmed.
    :ivar tested: the chunks that need no test before the next attempt.
    :ivar preprocessed: the chunks that were preprocessed.
    :ivar is_complete: whether a receiver like ours has responded that the whole file is there.
    :ivar is_expected: whether a response was what ``expect_response`` wants.
    :ivar insists: whether chunks are tested whatever the options say, unless :attr:`whole`: all
        were stored as far as is known, and the server did not say so.
    :ivar renews_tests: whether a test that is refused may be for want of a token.
    :ivar checksum: what the server calls the digest of the whole file, or nothing.
    :ivar was_begun: whether some of it was sent before, as far as who has added it knows.
    :ivar whole: whether the server has said of each chunk whether it is there.
    """

    __slots__ = (
        "asks_in_vain",
        "checksum",
        "digests",
        "hopeless",
        "insists",
        "is_believed",
        "is_complete",
        "is_expected",
        "losses",
        "misses",
        "preprocessed",
        "renews_tests",
        "sampled",
        "template",
        "tested",
        "was_begun",
        "whole",
    )

    def __init__(self, template: Template) -> None:
        self.template = template
        self.misses = self.losses = 0
        self.whole = self.is_believed = self.is_expected = self.asks_in_vain = False
        self.is_complete = self.insists = self.was_begun = False
        self.renews_tests = True
        self.sampled: int | None = None
        self.checksum = ""
        self.tested: set[int] = set()
        self.preprocessed: set[int] = set()
        self.digests: dict[int, str] = {}
        self.hopeless: dict[int, int] | None = None

    def is_enough(self, offset: int, few: int) -> bool:
        """A chunk was refused for what does not change: whether that was so a few times."""
        if self.hopeless is None:
            self.hopeless = {}
        self.hopeless[offset] = count = self.hopeless.get(offset, 0) + 1
        return count >= few

    @classmethod
    def of(cls, transfer: Transfer, encoder: RequestEncoder) -> Plan:
        """The plan of a file that has set out."""
        facts = FileFacts(
            transfer.file_name,
            transfer.relative_path,
            transfer.unique_identifier,
            transfer.type,
            transfer.size,
            len(transfer.ledger.states),
        )
        plan = cls(Template(encoder, facts))
        plan.was_begun = transfer.source.was_begun
        return plan
