"""
Chunks that are made durable together.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .usage import Usage

__all__ = ["CommitListener", "GroupCommit"]


class CommitListener(Protocol):
    """Is notified of each round, before those who wait for its chunks."""

    def committed(self, offsets: Sequence[int]) -> None:
        """Chunks are durable."""

    def commit_failed(self, failure: Failure) -> None:
        """Chunks that were written are not durable."""


class GroupCommit:
    """
    Makes the chunks of an upload durable.

    While one round of that runs in a thread, the chunks that end wait, and go together in the
    next: two calls make any number of chunks durable.

    :param commit: makes chunks durable.
    :param work: is in use during a round.
    :param listener: is notified.
    :ivar epoch: how many rounds have failed.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[int]], Deferred[None]],
        work: Usage,
        listener: CommitListener,
    ) -> None:
        self.epoch = 0
        self._commit = commit
        self._work = work
        self._listener = listener
        self._written: list[tuple[int, Deferred[None]]] = []
        self._settling: dict[int, list[Deferred[None]]] = {}
        self._running = False

    def __contains__(self, offset: int) -> bool:
        """Whether a chunk is written and waits to be durable."""
        return offset in self._settling

    def check(self, epoch: int) -> None:
        """
        Look whether what was written since then may be lost.

        :raises OSError: after a failed sync the system may have dropped what other chunks had
            written.
        """
        if epoch != self.epoch:
            raise OSError(errno.EIO, "the disk failed while this chunk was written")

    async def add(self, offset: int, epoch: int) -> None:
        """
        Return when a chunk that is written is durable.

        :param epoch: what it was when the chunk began.
        :raises OSError: if the disk fails, or did since the chunk began.
        """
        self.check(epoch)
        done: Deferred[None] = Deferred()
        self._written.append((offset, done))
        self._settling[offset] = []
        if not self._running:
            Deferred.fromCoroutine(self._run())
        await done

    async def settled(self, offset: int) -> None:
        """Return when a chunk is durable, or could not be made so."""
        if offset in self._settling:
            settled: Deferred[None] = Deferred()
            self._settling[offset].append(settled)
            await settled

    async def _run(self) -> None:
        with self._work:
            self._running = True
            while self._written:
                batch, self._written = self._written, []
                offsets = [offset for offset, _ in batch]
                # Whatever ends this round, nobody must wait for ever.
                (result,) = await self._commit(offsets).addBoth(_wrapped)
                if isinstance(result, Failure):
                    batch, self._written = batch + self._written, []
                    self.epoch += 1
                    self._listener.commit_failed(result)
                else:
                    self._listener.committed(offsets)
                self._settle(batch, result)
            self._running = False

    def _settle(self, batch: Sequence[tuple[int, Deferred[None]]], result: object) -> None:
        settled = [waiter for offset, _ in batch for waiter in self._settling.pop(offset)]
        for _, done in batch:
            done.callback(result if isinstance(result, Failure) else None)
        for waiter in settled:
            waiter.callback(None)


def _wrapped(result: Any) -> tuple[Any]:
    """A result that may be a failure, as a value that is passed on as it is."""
    return (result,)
