"""
The files that a push service sends at this moment.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from ...push import Entry, PushService
from ...push.control.traffic import Traffic
from ...push.host import summary
from ..progress import Line, Picture

__all__ = ["PushUnderWay"]


class PushUnderWay:
    """
    Looks at a service, again and again.
    """

    def __init__(self, service: PushService) -> None:
        """
        :param service: the service, which has not begun.
        """
        self._service = service
        self._traffic = Traffic()
        self._status: dict[str, Any] = {"folders": {}, "targets": {}}
        self._is_asking = False
        service.changed.register(self._traffic.changed)

    def picture(self, most: int) -> Picture:
        """
        All of it.

        :param most: how many files are shown.
        """
        self._ask()
        delivery, status = self._service.delivery, self._status
        routes = [] if delivery is None else list(delivery.routes.values())
        sent = [each for route in routes for each in route.sending.files]
        lines = [_line(*each) for each in islice(sent, most)]
        total = Line(summary(status) if "pid" in status else "", self._traffic.total(status), None)
        why = "; ".join(
            f"{name}: {each['why']}" for name, each in status["targets"].items() if each["why"]
        )
        return Picture(lines, len(sent) - len(lines), total, why)

    def _ask(self) -> None:
        if not self._is_asking:
            self._is_asking = True
            self._service.status().addCallbacks(self._told, lambda _: None).addBoth(self._asked)

    def _told(self, status: dict[str, Any]) -> None:
        self._status = status

    def _asked(self, _: object) -> None:
        self._is_asking = False


def _line(entry: Entry, share: float) -> Line:
    count = entry.version.size
    return Line(f"{entry.folder}/{entry.name}", share * count, count, key=entry.id)
