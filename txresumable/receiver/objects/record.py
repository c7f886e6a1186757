"""
What is written down about an upload in object storage.
"""

from __future__ import annotations

import json
from secrets import token_hex
from typing import Any

from attrs import evolve, field, frozen
from attrs.validators import ge, instance_of

from ..store.record import Record
from ..store.rejection import Rejection
from .state import State, advance

__all__ = ["UploadRecord"]

_TEXT = instance_of(str)


def _nonce() -> str:
    return token_hex(8)


@frozen(kw_only=True)
class UploadRecord:
    """
    What an upload is, and what it is at.

    It is another one each time that it is written, so that an ETag, which is a hash of it, never
    comes back: who compares it notices every change.

    :ivar upload: what is fixed about it.
    :ivar state: what it is at.
    :ivar version: how often it was written, from 1.
    :ivar nonce: of this version: who wrote it finds out by this that it was written.
    :ivar by: of who finishes it, a nonce of its own.
    :ivar sha256: of the whole content, once that is known.
    :ivar rejection: why it was rejected, if it was.
    """

    upload: Record
    state: State = State.OPEN
    version: int = field(default=1, validator=[instance_of(int), ge(1)])
    nonce: str = field(factory=_nonce, validator=_TEXT)
    by: str = field(default="", validator=_TEXT)
    sha256: str = field(default="", validator=_TEXT)
    rejection: Rejection | None = None

    @property
    def id(self) -> str:
        """Its own, of this beginning."""
        return self.upload.id

    @property
    def is_whole(self) -> bool:
        """Whether it says that all chunks have arrived."""
        return self.state in (State.FINISHING, State.DONE, State.REJECTED)

    @property
    def is_gone(self) -> bool:
        """Whether there is no upload any more."""
        return self.state in (State.DEAD, State.LEAVING)

    def changed(self, state: State, **changes: Any) -> UploadRecord:
        """The next version."""
        advance(self.state, state)
        return evolve(self, state=state, version=self.version + 1, nonce=_nonce(), **changes)

    def anew(self, upload: Record) -> UploadRecord:
        """The next version, which begins from the beginning."""
        advance(self.state, State.OPEN)
        return UploadRecord(upload=upload, version=self.version + 1)

    def encode(self) -> bytes:
        """It, as JSON."""
        return json.dumps(
            {
                "upload": self.upload.facts(),
                "state": self.state.value,
                "version": self.version,
                "nonce": self.nonce,
                "by": self.by,
                "sha256": self.sha256,
                "rejection": self.rejection and self.rejection.encode().decode(),
            }
        ).encode()

    @classmethod
    def decode(cls, written: bytes) -> UploadRecord:
        """
        Read it back.

        :raises ValueError: if it is not one.
        """
        try:
            found = json.loads(written)
            rejection = found.pop("rejection")
            return cls(
                upload=Record(**found.pop("upload")),
                state=State(found.pop("state")),
                rejection=None if rejection is None else Rejection.decode(rejection.encode()),
                **found,
            )
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError("not a record") from error
