"""
The files of an uploader that were accepted, in order.
"""

from __future__ import annotations

from ..file import ResumableFile
from ..states import BEGINNINGS, READY
from .transfer import Transfer

__all__ = ["Roster"]


class Roster:
    """Accepted files, until they are removed or cancelled; those under way also by identifier."""

    def __init__(self) -> None:
        self._transfers: dict[Transfer, None] = {}
        self._by_identifier: dict[str, Transfer] = {}

    def __len__(self) -> int:
        return len(self._transfers)

    def __contains__(self, transfer: Transfer) -> bool:
        return transfer in self._transfers

    @property
    def transfers(self) -> list[Transfer]:
        """All of them."""
        return list(self._transfers)

    @property
    def files(self) -> list[ResumableFile]:
        """What applications see of them."""
        return [each.file for each in self._transfers]

    @property
    def unfinished(self) -> list[Transfer]:
        """Those that are not at their end."""
        return [each for each in self._transfers if each.state in BEGINNINGS]

    @property
    def ready(self) -> list[Transfer]:
        """Those whose chunks are waiting or being sent."""
        return [each for each in self._transfers if each.state is READY]

    @property
    def identifiers(self) -> list[str]:
        """What the server knows those by that are not at their end."""
        return list(self._by_identifier)

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(each.size for each in self._transfers)

    @property
    def fraction_completed(self) -> float:
        """How much of all is on the server, from 0 to 1."""
        if not self._transfers:
            return 0.0
        if all(each.all_stored for each in self._transfers):
            return 1.0
        sent = sum(each.fraction_completed * each.size for each in self._transfers)
        return sent / max(self.size, 1)

    def accept(self, transfer: Transfer) -> None:
        """A file is uploaded, or uploaded again: it keeps its place if it has one."""
        self._transfers.setdefault(transfer)
        self._by_identifier[transfer.unique_identifier] = transfer

    def twin(self, identifier: str) -> Transfer | None:
        """The file that is being uploaded under an identifier, or :data:`None`."""
        return self._by_identifier.get(identifier)

    def find(self, identifier: str) -> Transfer | None:
        """The first file that the server knows by an identifier, at its end or not."""
        for each in self._transfers:
            if each.unique_identifier == identifier:
                return each
        return None

    def release(self, transfer: Transfer) -> None:
        """A file is at its end: another one may have its identifier."""
        if self._by_identifier.get(transfer.unique_identifier) is transfer:
            del self._by_identifier[transfer.unique_identifier]

    def remove(self, transfer: Transfer) -> None:
        """Take a file off the list, if it is there."""
        self._transfers.pop(transfer, None)

    def clear(self) -> None:
        """Take all off the list."""
        self._transfers.clear()
