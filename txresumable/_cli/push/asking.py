"""
Asking targets for the digests of what they have.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote_to_bytes

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from ..._engine.client import make_client
from ..._protocol.layout import ChunkLayout
from ..._protocol.request import FileFacts
from ..._runtime.clock import steady
from ...doctor.specimen import Specimen
from ...doctor.visit import Visit
from ...doctor.wire import Wire
from ...errors import ResumableError
from ...push.settings import TargetSettings
from ..config import load
from ..headers import RenewedHeaders

__all__ = ["ask_all", "digests"]

_DIGEST = re.compile(r"(?:sha-?256[:=])?([0-9a-f]{64})\Z", re.IGNORECASE)


@frozen
class _Sent(Specimen):
    """A file that was sent."""

    path: str = ""

    @property
    def facts(self) -> FileFacts:
        """What requests state about it."""
        layout, name = self.layout, os.path.basename(self.path)
        return FileFacts(name, self.path, self.name, "", layout.size, layout.count)


def digests(
    target: TargetSettings, files: Sequence[Mapping[str, Any]], reactor: Any, client: Any = None
) -> Deferred[dict[int, str]]:
    """
    Ask a target for the last chunk of each file: some respond with the SHA-256 of all of it.

    :param target: where the files are.
    :param files: as the service describes them, done.
    :param client: sends the requests, as treq's ``HTTPClient``; by default our own.
    :returns: a Deferred that fires with the digests that there are, as hexadecimal, by the numbers
        of files.  A target that cannot be asked gives none.
    """
    return Deferred.fromCoroutine(_digests(target, files, reactor, client))


async def _digests(
    target: TargetSettings, files: Sequence[Mapping[str, Any]], reactor: Any, client: Any
) -> dict[int, str]:
    options, found = target.checked, dict[int, str]()
    headers: Any = options.headers
    if callable(options.target) or callable(options.test_target) or callable(options.query):
        return found  # what they return depends on files
    clock = steady(reactor)
    wire = None
    try:
        if isinstance(headers, RenewedHeaders):
            headers = await headers(None, None)
        elif callable(headers):
            return found
        wire = Wire(make_client(reactor, clock, client, options, 1), clock, headers or {})
        visit = Visit(wire, options).otherwise(checksum=None)  # that would be of the chunk
        for file in files:
            layout = ChunkLayout(file["size"], options.chunk_size, options.force_chunk_size)
            path = os.fsdecode(unquote_to_bytes(file["path"]))
            sent = _Sent(file["identifier"], layout, path=path)
            reply = await visit.test(sent, layout.count)
            said = _DIGEST.match(reply.header("Resumable-File-Checksum") or "")
            if visit.holds(reply) and said:
                found[file["id"]] = said[1].lower()
    except ResumableError:
        return found
    finally:
        if wire is not None:
            await wire.close()
    return found


def ask_all(config: str, files: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """
    Ask the target of each file, likewise.  Runs the reactor.

    :param config: the configuration file of the service.
    :raises BadConfig: if that cannot be read.
    """
    settings, found = load(config), dict[int, str]()

    async def run(reactor: Any) -> None:
        for name, target in settings.targets.items():
            folders = [each.name for each in settings.folders.values() if each.target == name]
            sent = [file for file in files if file["folder"] in folders]
            found.update(await digests(target, sent, reactor))

    with suppress(SystemExit):  # so it ends
        react(lambda reactor: Deferred.fromCoroutine(run(reactor)))
    return found
