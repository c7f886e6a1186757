"""
The paths of a service: added in their order, but for those that hang; and how each ended.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._engine.handle import Upload
from .._engine.relay import Relay
from .._runtime.printable import printable
from .._source.directory import Listing, walk
from ..file import ResumableFile
from ..uploader import Resumable
from .report import FailedFile, Report, explain

__all__ = ["Paths"]

_log = Logger()
_shown = Logger(namespace=f"{__name__}.shown")  # by the command


class Paths:
    """
    Adds files, and folders with all that is below them, and sees how they end.

    A path that takes long to look at (a network file system whose server is away) is added when
    that is over, and those after it go on.

    :ivar pending: how many files were added and have not ended.
    """

    def __init__(
        self,
        uploader: Resumable,
        paths: Iterable[str],
        relay: Relay,
        ended: Callable[[], object],
        chosen: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """
        :param uploader: what paths are added to.
        :param paths: the paths.
        :param relay: looks at them, of which a few may hang.
        :param ended: called when a file has ended.
        :param chosen: whether a file of a folder is uploaded, by its path below that.
        """
        self.pending = 0
        self._uploader = uploader
        self._paths = deque(paths)
        self._relay = relay
        self._notify_ended = ended
        self._is_chosen = chosen
        self._late: set[Deferred[None]] = set()
        self._completed: list[ResumableFile] = []
        self._failed: list[FailedFile] = []

    def report(self) -> Report:
        """How those that have ended did."""
        return Report(tuple(self._completed), tuple(self._failed))

    async def run(self) -> None:
        """
        Add them all.  Cancelled, it adds no more, and gives up those that are left.
        """
        try:
            await self._run()
        except Exception:
            self.give_up(Failure())

    def give_up(self, failure: Failure) -> None:
        """
        Add no more.

        :param failure: why, for each path that was not added.
        """
        for late in list(self._late):
            late.cancel()
        while self._paths:
            self._fail(failure, self._paths.popleft())

    async def _run(self) -> None:
        paths = list(self._paths)
        works = {at: partial(os.path.isdir, path) for at, path in enumerate(paths)}
        files: list[str] = []
        for path, look in zip(paths, await self._relay.run(works), strict=True):
            if look is False:
                files.append(path)
                continue
            self._add_files(files)
            files = []
            if isinstance(look, Deferred):
                self._set_aside("Looking at", path, look, self._looked)
            elif isinstance(look, Failure):  # no thread could be started
                look.raiseException()
            else:
                await self._looked(path, look)
            self._paths.popleft()
        self._add_files(files)
        while self._late:
            await next(iter(self._late))

    def _add_files(self, files: list[str]) -> None:
        for upload in self._uploader.add_files(files) if files else ():
            self._follow(upload, self._paths.popleft())

    async def _looked(self, path: str, is_folder: bool) -> None:
        if not is_folder:
            [upload] = self._uploader.add_files([path])
            self._follow(upload, path)
            return
        follow = self._uploader.options.links == "follow"
        [listing] = await self._relay.run({path: partial(walk, path, follow=follow)})
        if isinstance(listing, Deferred):
            self._set_aside("Listing", path, listing, self._listed)
        else:
            await self._listed(path, listing)

    async def _listed(self, path: str, listing: Listing | Failure) -> None:
        if isinstance(listing, Failure):
            listing.raiseException()
        listing.warn(_shown, path, self._uploader.options.links == "follow")
        name = os.path.basename(os.path.abspath(path))
        below = len(name) + 1 if name else 0
        found = [
            each
            for each in listing.found
            if each.error or self._is_chosen(each.relative_path[below:])
        ]
        if not found:
            _shown.warn("There is no file in {path}", path=printable(path))
            return
        for upload in self._uploader.add_files([each.arguments for each in found]):
            self._follow(upload, upload.file.relative_path)

    def _set_aside(
        self,
        what: str,
        path: str,
        hanging: Deferred[Any],
        then: Callable[[str, Any], Awaitable[None]],
    ) -> None:
        shown = printable(path)
        _shown.warn("{what} {path} takes long; others go on", what=what, path=shown)

        async def late() -> None:
            await then(path, await hanging)

        waiting = Deferred.fromCoroutine(late())
        self._late.add(waiting)
        waiting.addErrback(self._fail, path)
        waiting.addBoth(lambda _: self._late.discard(waiting))

    # Ends --------------------------------------------------------------------------------------

    def _follow(self, upload: Upload, path: str) -> None:
        self.pending += 1
        upload.addCallback(self._completed.append).addErrback(self._fail, path).addCallback(
            self._ended
        )

    def _fail(self, failure: Failure, path: str) -> None:
        error = failure.value
        assert error is not None
        self._failed.append(FailedFile(path, error))
        if not isinstance(error, CancelledError):
            shown, reason = printable(path), explain(error)
            _log.error("{path} is not on the server: {reason}", path=shown, reason=reason)

    def _ended(self, _: None) -> None:
        self.pending -= 1
        self._notify_ended()
