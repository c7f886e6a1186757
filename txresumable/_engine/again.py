"""
Files that begin again, at their end or because they have changed: by the ways in that all take.
"""

from __future__ import annotations

from ..errors import SourceChanged
from ..states import ADDED
from .admission import Admission
from .completion import Completion
from .handle import Upload
from .preparation import Preparation
from .quiet import Quiet
from .room import Room
from .roster import Roster
from .transfer import Transfer

__all__ = ["Again"]


class Again:
    """
    Has files begin again.

    :param completion: what is not at its end.
    :param roster: the files that were accepted.
    :param room: how many more there may be.
    :param admission: takes in those that were not accepted.
    :param preparation: takes those that were.
    :param quiet: knows which ones wait when they have changed.
    """

    def __init__(
        self,
        completion: Completion,
        roster: Roster,
        room: Room,
        admission: Admission,
        preparation: Preparation,
        quiet: Quiet,
    ) -> None:
        self._completion = completion
        self._roster = roster
        self._room = room
        self._admission = admission
        self._preparation = preparation
        self._quiet = quiet

    def begin(self, transfer: Transfer) -> None:
        """
        Try a file again.

        :param transfer: the file, which has nothing of its last try left.
        """
        handle = Upload(transfer, hidden=True)
        self._completion.retried(transfer)
        transfer.become(ADDED)
        transfer.shares = False
        twin = self._roster.twin(transfer.unique_identifier)
        if transfer not in self._roster and not self._room.admits([transfer]):
            return
        if not transfer.unique_identifier:  # it never got as far as to have chunks
            transfer.unlay()
            self._admission.add([handle])
        elif twin is not None:
            self._admission.share(handle, twin)
        else:
            self._roster.accept(transfer)
            self._preparation.begin(transfer)

    def may_wait(self, transfer: Transfer) -> bool:
        """Whether a file that has changed waits, and does not fail."""
        return self._quiet.may_wait(transfer)

    def begin_when_quiet(self, transfer: Transfer, error: SourceChanged) -> None:
        """
        Take a file in anew as soon as nobody writes to it.

        :param transfer: the file, of which nothing is under way.
        :param error: what was noticed.
        """
        self._roster.release(transfer)
        self._roster.remove(transfer)
        transfer.source.close()
        transfer.forget()
        transfer.unlay()
        transfer.unique_identifier = ""
        transfer.is_prepared = transfer.shares = False
        handle = transfer.handle
        assert isinstance(handle, Upload)
        self._admission.wait_after_change(handle, error)
