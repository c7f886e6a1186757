"""
Chunks that are made durable together.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .unwritten import Unwritten
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

    :param commit: writes what is left of chunks, and makes them durable; gives those that could
        not be written, with the errors.
    :param work: is in use during a round.
    :param listener: is notified.
    :ivar epoch: how many rounds have failed.
    """

    def __init__(
        self,
        commit: Callable[[Mapping[int, Unwritten]], Deferred[Mapping[int, OSError]]],
        work: Usage,
        listener: CommitListener,
    ) -> None:
        self.epoch = 0
        self._commit = commit
        self._work = work
        self._listener = listener
        self._arrived: dict[int, tuple[Unwritten, Deferred[None]]] = {}
        self._settling: dict[int, list[Deferred[None]]] = {}
        self._running = False

    def __contains__(self, offset: int) -> bool:
        """Whether a chunk has arrived and waits to be durable."""
        return offset in self._settling

    def check(self, epoch: int) -> None:
        """
        Look whether what was written since then may be lost.

        :raises OSError: after a failed sync the system may have dropped what other chunks had
            written.
        """
        if epoch != self.epoch:
            raise OSError(errno.EIO, "the disk failed while this chunk was written")

    async def add(self, offset: int, epoch: int, unwritten: Unwritten) -> None:
        """
        Return when a chunk that has arrived is durable.

        :param epoch: what it was when the chunk began.
        :param unwritten: what of it is not written yet.
        :raises OSError: if the disk fails, or did since the chunk began.
        """
        self.check(epoch)
        done: Deferred[None] = Deferred()
        self._arrived[offset] = unwritten, done
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
            while self._arrived:
                batch, self._arrived = self._arrived, {}
                unwritten = {offset: rest for offset, (rest, _) in batch.items()}
                # Whatever ends this round, nobody must wait for ever.
                (result,) = await self._commit(unwritten).addBoth(_wrapped)
                failed: Mapping[int, Any]
                if isinstance(result, Failure):
                    batch, self._arrived = batch | self._arrived, {}
                    failed = dict.fromkeys(batch, result)
                    self.epoch += 1
                    self._listener.commit_failed(result)
                else:
                    failed = result
                    self._listener.committed([each for each in batch if each not in failed])
                self._settle({offset: done for offset, (_, done) in batch.items()}, failed)
            self._running = False

    def _settle(self, batch: Mapping[int, Deferred[None]], failed: Mapping[int, Any]) -> None:
        settled = [waiter for offset in batch for waiter in self._settling.pop(offset)]
        for offset, done in batch.items():
            error = failed.get(offset)
            if error is None:
                done.callback(None)
            else:
                done.errback(error)
        for waiter in settled:
            waiter.callback(None)


def _wrapped(result: Any) -> tuple[Any]:
    """A result that may be a failure, as a value that is passed on as it is."""
    return (result,)
