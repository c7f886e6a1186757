"""
What is known, for those who ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice, product
from operator import attrgetter

from ..entry import Entry
from ..state import PushState
from .rows import COLUMNS, entry_of
from .transaction import Transaction

__all__ = ["count", "list_entries"]


def list_entries(
    transaction: Transaction,
    states: Iterable[PushState] | None,
    folder: str | None,
    after: int,
    limit: int,
) -> list[Entry]:
    """
    Entries in the order of their numbers.

    :param transaction: what to read in.
    :param states: those that are in one of these; all, if it is :data:`None`.
    :param folder: those of one folder's settings; of all, if it is :data:`None`.
    :param after: those with a greater number.
    :param limit: how many at most.
    """
    execute = transaction.connection.execute
    if states is None and folder is None:
        rows = execute(
            f"SELECT {COLUMNS} FROM entries WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
        )
        return [entry_of(row) for row in rows]
    folders = _folders(transaction) if folder is None else [folder]
    # One walk over an index for each, so that no page costs more than what is on it.
    each = [
        map(
            entry_of,
            execute(
                f"SELECT {COLUMNS} FROM entries WHERE folder = ? AND state = ? AND id > ? "
                "ORDER BY id LIMIT ?",
                (of, state.value, after, limit),
            ),
        )
        for of, state in product(folders, frozenset(PushState if states is None else states))
    ]
    return list(islice(merge(*each, key=attrgetter("id")), limit))


def count(transaction: Transaction) -> dict[str, dict[PushState, int]]:
    """
    How many entries each folder has in each state; states without any are left out.

    :param transaction: what to read in.
    """
    counts: dict[str, dict[PushState, int]] = {}
    for folder, state, number in transaction.connection.execute(
        "SELECT folder, state, COUNT(*) FROM entries GROUP BY folder, state"
    ):
        counts.setdefault(folder, {})[PushState(state)] = number
    return counts


def _folders(transaction: Transaction) -> Iterator[str]:
    """The folders there are, by one step into an index for each."""
    found = transaction.connection.execute("SELECT MIN(folder) FROM entries").fetchone()
    while found[0] is not None:
        yield found[0]
        found = transaction.connection.execute(
            "SELECT MIN(folder) FROM entries WHERE folder > ?", found
        ).fetchone()
