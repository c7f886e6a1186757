"""
Files that were added together: announced together, once each is in or out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field

from .transfer import Transfer
from .turn import Turn

__all__ = ["Group", "Groups"]


@define(eq=False)
class Group:
    """
    Files that were added together.

    :ivar remaining: how many are not yet in or out.
    :ivar added: those that are in.
    :ivar skipped: those that were refused.
    """

    remaining: int
    added: list[Transfer] = field(factory=list)
    skipped: list[Transfer] = field(factory=list)


class Groups:
    """
    Announces files; one that comes alone has no group, which is :data:`None`.

    :ivar count: how many groups, and files that came alone, are not announced.
    :param turn: announces.
    :param announce: called with the files of a group that are in, and those that were refused.
    """

    def __init__(
        self, turn: Turn, announce: Callable[[Sequence[Transfer], Sequence[Transfer]], None]
    ) -> None:
        self.count = 0
        self._turn = turn
        self._announce = announce

    def begin(self, number: int) -> Group | None:
        """So many files were added together."""
        self.count += 1
        return Group(number) if number > 1 else None

    def through(
        self,
        group: Group | None,
        added: Transfer | None = None,
        skipped: Transfer | None = None,
    ) -> None:
        """One of a group is in, or was refused; or neither: then it is not announced with it."""
        if group is None:  # it came alone
            self.count -= 1
            into, out = [] if added is None else [added], [] if skipped is None else [skipped]
            self._turn.post(self._announce, into, out)
            return
        if added is not None:
            group.added.append(added)
        if skipped is not None:
            group.skipped.append(skipped)
        group.remaining -= 1
        if not group.remaining:
            self.count -= 1
            self._turn.post(self._announce, group.added, group.skipped)

    def leave(self, group: Group | None) -> None:
        """One of a group has to wait, and is announced alone."""
        if group is None:
            self.count -= 1
        else:
            self.through(group)
