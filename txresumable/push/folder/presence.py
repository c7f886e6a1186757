"""
Whether a folder is there: the mount point of a disk is an empty folder while the disk is not.
"""

from __future__ import annotations

__all__ = ["Presence"]


class Presence:
    """
    What was at a folder's path so far.
    """

    def __init__(self) -> None:
        self._device: int | None = None

    def problem(self, device: int, names: int) -> str:
        """
        Whether a scan saw another file system than those before.

        :param device: the one that it saw.
        :param names: how many names it has seen.
        :returns: a sentence for people; empty if all is well.
        """
        if self._device is None and names:
            self._device = device
        if self._device in (None, device):
            return ""
        return "it is on another file system than before: is the disk mounted?"

    def is_certain(self, device: int) -> bool:
        """
        Whether files that a scan has not found are gone: not those of a folder that has been empty
        since the start, which may be that of a disk that is still to be mounted.

        :param device: as for :meth:`problem`, which comes first.
        """
        return self._device == device
