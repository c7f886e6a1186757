"""
Files that were at their end, tried again: by the same ways in as all others.
"""

from __future__ import annotations

from ..states import ADDED
from .admission import Admission
from .completion import Completion
from .handle import Upload
from .preparation import Preparation
from .room import Room
from .roster import Roster
from .transfer import Transfer

__all__ = ["Again"]


class Again:
    """
    Tries files again.

    :param completion: what is not at its end.
    :param roster: the files that were accepted.
    :param room: how many more there may be.
    :param admission: takes in those that were not accepted.
    :param preparation: takes those that were.
    """

    def __init__(
        self,
        completion: Completion,
        roster: Roster,
        room: Room,
        admission: Admission,
        preparation: Preparation,
    ) -> None:
        self._completion = completion
        self._roster = roster
        self._room = room
        self._admission = admission
        self._preparation = preparation

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
