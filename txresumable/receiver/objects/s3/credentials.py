"""
Who asks, by botocore, which finds that in many places.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ...._runtime.observers import OneShotObserver
from ...._runtime.threads import run_in_thread
from ..interface import Forbidden, Unavailable

__all__ = ["Credentials", "configured_region"]


def configured_region() -> str | None:
    """The region that the environment, or the configuration that botocore reads, is set to."""
    import botocore.session

    found = os.environ.get("AWS_REGION")
    return found or botocore.session.get_session().get_config_variable("region")


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

        :raises Forbidden: if there are none.
        :raises Unavailable: if they cannot be had now.
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
                import botocore.session

                self._held = botocore.session.get_session().get_credentials()
            if self._held is None:
                raise Forbidden("there are no credentials, such as AWS_ACCESS_KEY_ID")
            return self._held.get_frozen_credentials()
        except Forbidden:
            raise
        except Exception as error:
            # What a service says to those who ask for a role is none of botocore's BotoCoreErrors.
            raise Unavailable(f"no credentials: {error}")

    def _loaded(self, result: Any) -> None:
        loading, self._loading = self._loading, None
        assert loading is not None
        if not isinstance(result, Failure):
            self._frozen = result
        loading.settle(result)


def _needs_renewal(credentials: Any) -> bool:
    asked = getattr(credentials, "refresh_needed", None)
    return asked is not None and bool(asked())
