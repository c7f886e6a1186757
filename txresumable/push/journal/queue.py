"""
Which entry is next.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from ..entry import BEGUN, Entry
from ..state import PushState
from .rows import COLUMNS, entry_of
from .transaction import Transaction

__all__ = ["ORDERS", "take"]

ORDERS: Mapping[str, str] = {
    "oldest": "mtime_ns, id",
    "newest": "mtime_ns DESC, id DESC",
    "smallest": "size, id",
    "largest": "size DESC, id DESC",
    "name": "path, id",
}
"""How each order is called, and what it sorts by."""


def take(transaction: Transaction, folder: str, count: int, order: str) -> list[Entry]:
    """
    Begin to upload what is next; not a path of which another version is being uploaded.

    :param transaction: what to do it in.
    :param folder: the name of the folder's settings.
    :param count: how many at most.
    :param order: one of :data:`ORDERS`.
    :returns: the entries, in that order, with the notes that they had before: an entry without one
        is begun for the first time.
    """
    # Each order has an index of what is queued, and reads no more than it takes.
    rows = transaction.connection.execute(
        f"""
        SELECT {COLUMNS} FROM entries AS queued WHERE folder = ? AND state = 'queued'
        AND NOT EXISTS (
            SELECT 1 FROM entries AS busy WHERE busy.folder = queued.folder
            AND busy.path = queued.path AND busy.state = 'uploading'
        )
        ORDER BY {ORDERS[order]} LIMIT ?
        """,
        (folder, count),
    ).fetchall()
    taken: dict[bytes, Entry] = {}
    for entry in map(entry_of, rows):
        if entry.path not in taken:
            facts = {} if entry.note else {"note": BEGUN}
            begun = transaction.move(entry, PushState.UPLOADING, facts)
            taken[entry.path] = evolve(begun, note=entry.note)
    return list(taken.values())
