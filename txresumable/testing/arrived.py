"""
What a receiver has in the end, and whether it is what was sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from ..file import ResumableFile
from .receiver import ScriptedReceiver, StoredFile

__all__ = ["Arrived", "InMemory", "OnDisk"]

Versions = Mapping[str, Sequence[bytes]]


class Arrived(Protocol):
    """What has arrived."""

    def complaint(self, file: ResumableFile, expected: bytes) -> str | None:
        """What is wrong with a file that is said to be complete, or nothing."""

    def mixtures(self, versions: Versions) -> list[str]:
        """
        What arrived as one file and does not belong together.

        :param versions: all that the files of a name ever held.
        """


class InMemory:
    """
    What a :class:`~txresumable.testing.ScriptedReceiver` has.

    :param receiver: the receiver.
    """

    def __init__(self, receiver: ScriptedReceiver) -> None:
        self._receiver = receiver

    def complaint(self, file: ResumableFile, expected: bytes) -> str | None:
        """See :class:`Arrived`."""
        stored = self._receiver.files.get(file.unique_identifier)
        if stored is None or not stored.is_complete:
            return "is not"
        return None if stored.content == expected else "is not what was added"

    def mixtures(self, versions: Versions) -> list[str]:
        """See :class:`Arrived`."""
        return [
            f"{stored.file_name}: a mixture arrived as {identifier}"
            for identifier, stored in self._receiver.files.items()
            if not any(_fits(stored, version) for version in versions[stored.file_name])
        ]


class OnDisk:
    """
    What is in the folder of a receiver.

    :param finished: the contents of its files by name; a name that was taken has a suffix.
    """

    def __init__(self, finished: Mapping[str, bytes]) -> None:
        self._finished = finished

    def complaint(self, file: ResumableFile, expected: bytes) -> str | None:
        """See :class:`Arrived`."""
        if any(content == expected for content in self._named(file.file_name)):
            return None
        return "its content is in no file of its name"

    def mixtures(self, versions: Versions) -> list[str]:
        """See :class:`Arrived`."""
        known = {content for contents in versions.values() for content in contents}
        return [
            f"{name}: {len(content)} bytes that nobody sent"
            for name, content in self._finished.items()
            if content not in known
        ]

    def _named(self, file_name: str) -> Collection[bytes]:
        stem = file_name.rpartition(".")[0]
        return [content for name, content in self._finished.items() if name.startswith(stem)]


def _fits(stored: StoredFile, content: bytes) -> bool:
    """Whether what arrived are pieces of a content, each in its place."""
    if len(content) != stored.size:
        return False
    for number, chunk in stored.chunks.items():
        start = (number - 1) * stored.chunk_size
        if content[start : start + len(chunk)] != chunk:
            return False
    return True
