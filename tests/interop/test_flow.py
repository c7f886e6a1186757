"""Uploads to Python receivers of the flow.js family, and to one that speaks simple-uploader.js."""

from __future__ import annotations

from attrs import evolve

from . import scenarios
from .receivers import DASH_UPLOADER, FLOWJS_TORNADO, SIMPLE_UPLOADER


class FlowJsTornadoTests(scenarios.Uploads):
    """PyPI's ``flowjs`` in Tornado: absent is 204; chunks are deleted when a file is finished."""

    receiver = FLOWJS_TORNADO
    options = {"server": "flowjs"}


class DashUploaderTests(scenarios.Uploads):
    """
    PyPI's ``dash-uploader-ng``: absent is 204, and chunks are deleted when a file is finished.

    When two requests at once find a file complete, the slower one removes what the other has put
    together and finds no chunks any more, so that its host answers one at a time.
    """

    receiver = DASH_UPLOADER
    options = {"server": "dash-uploader-ng"}

    def stored_name(self, name: str, size: int) -> str:
        """The name as it was sent."""
        return name


class DashUploaderKeptConnectionTests(DashUploaderTests):
    """The same on kept connections; one chunk at a time, since each connection has a thread."""

    receiver = evolve(DASH_UPLOADER, flags=("--threads",))
    slots = 1


class SimpleUploaderTests(scenarios.RememberedUploads):
    """A receiver after simple-uploader.js's page: names without a prefix; absent is 204."""

    receiver = SIMPLE_UPLOADER
    options = {"server": "simple-uploader"}
