"""
What vanished, what need not be known any longer, and whether anything can be written.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..state import ENDS, PushState
from .rows import COLUMNS, IS_HANDED_OVER, entry_of
from .transaction import Transaction

__all__ = ["beat", "end_scan", "mark_away", "mark_gone", "prune"]

_ABSENT = "NOT EXISTS (SELECT 1 FROM present WHERE present.id = entries.id AND present.at >= ?)"
_UNSENT = (
    PushState.SEEN,
    PushState.SETTLING,
    PushState.QUEUED,
    PushState.WAITING,
    PushState.HELD,
)


def mark_gone(transaction: Transaction, folder: str, scan_began: float, limit: int) -> int:
    """
    End those of which nothing is being sent and that a scan has not seen.

    :param transaction: what to do it in.
    :param folder: the name of the folder's settings.
    :param scan_began: by the transaction's monotonic time.
    :param limit: how many at most.
    :returns: how many.
    """
    gone = 0
    for state in _UNSENT:
        rows = transaction.connection.execute(
            f"SELECT {COLUMNS} FROM entries WHERE folder = ? AND state = ? AND {_ABSENT} LIMIT ?",
            (folder, state.value, scan_began, limit - gone),
        ).fetchall()
        for row in rows:
            transaction.move(entry_of(row), PushState.GONE, {})
        gone += len(rows)
    return gone


def mark_away(transaction: Transaction, folder: str, scan_began: float, limit: int) -> int:
    """
    Take note of what was handed over and that a scan has not seen: it may come back.

    :param transaction: what to do it in.
    :param folder: the name of the folder's settings.
    :param scan_began: by the transaction's monotonic time.
    :param limit: how many at most.
    :returns: how many.
    """
    rows = transaction.connection.execute(
        f"""
        SELECT {COLUMNS} FROM entries WHERE folder = ? AND {IS_HANDED_OVER} AND {_ABSENT} LIMIT ?
        """,
        (folder, scan_began, limit),
    ).fetchall()
    for row in rows:
        transaction.note(entry_of(row), {"is_aside": True})
    return len(rows)


def end_scan(transaction: Transaction, folder: str, scan_began: float) -> None:
    """
    Forget what only earlier scans have seen.

    :param transaction: what to do it in.
    :param folder: the name of the folder's settings.
    :param scan_began: by the transaction's monotonic time.
    """
    execute = transaction.connection.execute
    execute("DELETE FROM present WHERE folder = ? AND at < ?", (folder, scan_began))
    execute("DELETE FROM met WHERE id NOT IN (SELECT id FROM present)")


def prune(transaction: Transaction, scanned: Mapping[str, float], keep: float, limit: int) -> int:
    """
    Remove what has ended a while ago and does not lie in its folder any more; what still lies
    there would be taken for new.

    :param transaction: what to do it in.
    :param scanned: when the latest whole scan of each folder began; of others nothing is removed.
    :param keep: seconds.
    :param limit: how many at most.
    :returns: how many.
    """
    removed = 0
    for folder, began in scanned.items():
        for state in ENDS:
            removed += transaction.connection.execute(
                f"""
                DELETE FROM entries WHERE id IN (
                    SELECT id FROM entries WHERE folder = ? AND state = ? AND changed < ?
                    AND {_ABSENT} LIMIT ?
                )
                """,
                (folder, state.value, transaction.now - keep, began, limit - removed),
            ).rowcount
    return removed


def beat(transaction: Transaction) -> None:
    """Write when that was."""
    transaction.connection.execute("INSERT OR REPLACE INTO beat VALUES (1, ?)", (transaction.now,))
