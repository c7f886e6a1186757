"""
What is kept about an upload that the application rejected.
"""

from __future__ import annotations

import json

from attrs import asdict, field, frozen
from attrs.validators import and_, ge, instance_of, lt

from .refused import Refused

__all__ = ["Rejected", "Rejection"]


class Rejected(Refused):
    """An upload was rejected, and its files are set aside."""


@frozen
class Rejection:
    """
    Why an upload was rejected, as a line of JSON.

    :ivar status: the HTTP status that says so.
    :ivar reason: for people.
    """

    status: int = field(validator=and_(instance_of(int), ge(400), lt(500)))
    reason: str = field(validator=instance_of(str))

    def refusal(self) -> Rejected:
        """What each request for it hears."""
        return Rejected(self.status, self.reason)

    def encode(self) -> bytes:
        """It, as it is written down."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def decode(cls, written: bytes) -> Rejection:
        """
        Read it back.

        :raises ValueError: if it is not one.
        """
        try:
            return cls(**json.loads(written))
        except (TypeError, RecursionError) as error:
            raise ValueError("not a rejection") from error
