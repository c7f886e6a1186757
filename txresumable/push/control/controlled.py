"""
What the control needs of the service that it controls.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred

from ..entry import Entry
from ..journal import Journal
from ..settings import PushSettings
from ..state import PushState

__all__ = ["Controlled"]


class Controlled(Protocol):
    """
    A service: :class:`~txresumable.push.PushService` is one.

    What these do, and how they fail, is documented there.
    """

    @property
    def settings(self) -> PushSettings:
        """What it does."""

    @property
    def journal(self) -> Journal | None:
        """What is known about all files; :data:`None` while that cannot be read."""

    @property
    def changed(self) -> Any:
        """The signal that an entry has changed; ``(before, after)``."""

    @property
    def reloaded(self) -> Any:
        """The signal that other settings are in force."""

    @property
    def chunk_sent(self) -> Any:
        """The signal that a chunk was sent; ``(target, seconds)``."""

    def status(self) -> Deferred[dict[str, Any]]:
        """Where everything is."""

    def retry(self, id: int) -> Deferred[Entry]:
        """Try a file now."""

    def hold(self, id: int) -> Deferred[Entry]:
        """Do not send a file until it is released."""

    def release(self, id: int) -> Deferred[Entry]:
        """Send a file that is held."""

    def cancel(self, id: int) -> Deferred[Entry]:
        """Give a file up."""

    def again(self, id: int) -> Deferred[Entry]:
        """Send a file once more."""

    def retry_all(self, state: PushState | str) -> Deferred[int]:
        """Try all files in a state now."""

    def pause(self) -> None:
        """Send nothing."""

    def resume(self) -> None:
        """Go on."""

    def set_rate(self, *rate: float | None) -> None:
        """Send at a rate; without one, by the rules."""

    def set_concurrency(self, number: int | str) -> None:
        """Send so many chunks at once."""

    def rescan(self, folder: str | None = None) -> Deferred[None]:
        """Look at everything in the folders now."""

    def reload(self) -> Deferred[None]:
        """Read the settings anew."""

    def add(self, folder: str, path: str) -> Deferred[Entry | None]:
        """Queue a file without waiting until it has settled."""
