"""
Who asks, by botocore, which finds that in many places.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ...._runtime.observers import OneShotObserver
from ...._runtime.printable import printable
from ...._runtime.threads import run_in_thread
from ..interface import Forbidden, StorageError, Unavailable
from .misconfigured import files_read, is_mistake, looked_for

__all__ = ["Credentials", "configured_region"]


def configured_region() -> str | None:
    """
    The region that the environment, or the configuration that botocore reads, is set to.

    :raises ValueError: if that cannot be read.
    """
    import botocore.session
    from botocore.exceptions import BotoCoreError

    found = os.environ.get("AWS_REGION")
    if found:
        return found
    try:
        region: str | None = botocore.session.get_session().get_config_variable("region")
    except BotoCoreError as error:
        raise ValueError(_mistaken("no region", error))
    return region


class Credentials:
    """
    The credentials that are valid now.  Finding and renewing them may block, as they may have to be
    asked for: that is done in a thread, once for all who wait for it.

    :param reactor: has threads.
    :param given: botocore's credentials; those that it finds by itself if there are none.
    """

    def __init__(self, reactor: Any, given: Any = None) -> None:
        self._reactor = reactor
        self._held = given
        self._frozen: Any = None
        self._loading: OneShotObserver[Any] | None = None

    def ready(self) -> Any:
        """Those that can be used without waiting: an access key, a secret key and a token."""
        if self._frozen is None or _needs_renewal(self._held):
            return None
        return self._frozen

    async def get(self) -> Any:
        """
        Likewise, found or renewed if need be.

        :raises Forbidden: if there are none, or what says where they are is wrong.
        :raises Unavailable: if they cannot be had now, or be renewed.
        """
        if self._loading is not None:
            return await self._loading.wait()
        self._loading = OneShotObserver()
        waiting: Deferred[Any] = self._loading.wait()
        run_in_thread(self._reactor, self._load).addBoth(self._loaded)
        return await waiting

    def _load(self) -> Any:
        """Called in a thread."""
        try:
            if self._held is None:
                self._held = _found()
            return self._held.get_frozen_credentials()
        except StorageError:
            raise
        except Exception as error:
            # What a service says to those who ask for a role is none of botocore's BotoCoreErrors.
            # What gave some once is configured well.
            if self._frozen is None and is_mistake(error):
                raise Forbidden(_mistaken("no credentials", error))
            raise Unavailable(f"no credentials: {_told(error)}")

    def _loaded(self, result: Any) -> None:
        loading, self._loading = self._loading, None
        assert loading is not None
        if not isinstance(result, Failure):
            self._frozen = result
        loading.settle(result)


def _found() -> Any:
    import botocore.session

    session = botocore.session.get_session()
    found = session.get_credentials()
    if found is not None:
        return found
    endpoint = session.get_config_variable("ec2_metadata_service_endpoint")
    if endpoint and os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true":
        raise Unavailable(f"no credentials: the metadata service at {endpoint} gives none")
    raise Forbidden(f"there are no credentials, neither {looked_for()}")


def _mistaken(what: str, error: Exception) -> str:
    return f"{what}: {_told(error).rstrip('.')} (botocore reads {files_read()})"


def _told(error: Exception) -> str:
    """What an error says, on one line."""
    return printable(" ".join(str(error).split()) or type(error).__name__)


def _needs_renewal(credentials: Any) -> bool:
    asked = getattr(credentials, "refresh_needed", None)
    return asked is not None and bool(asked())
