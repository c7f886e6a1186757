"""
What concerns the whole service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.web.http import Request

from ..state import PushState
from .controlled import Controlled
from .refusal import Refusal
from .request import Query, sent_fields
from .traffic import Traffic

__all__ = ["Commands"]

_MOST = 1e18


class Commands:
    """
    Handlers of requests.
    """

    def __init__(self, service: Controlled, traffic: Traffic) -> None:
        """
        :param service: what they are about.
        :param traffic: how much was sent.
        """
        self._traffic = traffic
        self._service = service

    async def status(self, request: Request) -> Mapping[str, Any]:
        """Where everything is."""
        Query(request)
        status = await self._service.status()
        return {**status, "transferred": self._traffic.total(status)}

    async def health(self, request: Request) -> Mapping[str, Any]:
        """Whether the reactor runs: it does."""
        return {"status": "ok"}

    async def readiness(self, request: Request) -> Mapping[str, Any]:
        """Whether files are taken and delivered."""
        status = await self._service.status()
        if status["trouble"]:
            raise Refusal(503, f"There is trouble: {status['trouble']}.")
        if not status["running"]:
            raise Refusal(503, "The service is not running yet.")
        return {"status": "ok"}

    async def pause(self, request: Request) -> Mapping[str, Any]:
        """Send nothing."""
        sent_fields(request)
        self._service.pause()
        return {"paused": True}

    async def resume(self, request: Request) -> Mapping[str, Any]:
        """Go on."""
        sent_fields(request)
        self._service.resume()
        return {"paused": False}

    async def rate(self, request: Request) -> Mapping[str, Any]:
        """How fast to send."""
        fields = sent_fields(request, rate=(int, float, str, type(None)))
        if "rate" not in fields:
            raise Refusal(400, "The field 'rate' is needed.")
        rate = fields["rate"]
        if rate == "rules":
            self._service.set_rate()
        elif isinstance(rate, str) or (rate is not None and not 0 <= rate <= _MOST):
            reason = "The field 'rate' must be bytes a second, null for no limit, or 'rules'."
            raise Refusal(400, reason)
        else:
            self._service.set_rate(rate)
        return {"rate": rate}

    async def concurrency(self, request: Request) -> Mapping[str, Any]:
        """How many chunks to send at once."""
        fields = sent_fields(request, concurrency=(int, str))
        if "concurrency" not in fields:
            raise Refusal(400, "The field 'concurrency' is needed.")
        self._service.set_concurrency(fields["concurrency"])
        return fields

    async def rescan(self, request: Request) -> Mapping[str, Any]:
        """Look at everything in the folders."""
        fields = sent_fields(request, folder=(str, type(None)))
        await self._service.rescan(fields.get("folder"))
        return {"folder": fields.get("folder")}

    async def reload(self, request: Request) -> Mapping[str, Any]:
        """Read the settings anew."""
        sent_fields(request)
        await self._service.reload()
        return {"reloaded": True}

    async def retry(self, request: Request) -> Mapping[str, Any]:
        """Try all files in a state."""
        sent_fields(request)
        name = Query(request, "state").one("state") or "failed"
        try:
            state = PushState(name)
        except ValueError:
            raise Refusal(400, f"There is no state {name!r}.")
        return {"files": await self._service.retry_all(state)}
