"""
Scenarios that nobody recorded: what resumable.js would send, worked out by hand from its source
and from the standards that a browser follows (URL, Fetch, multipart/form-data of HTML,
ECMAScript's ``String()``).

Targets and parts are written out as they stand on the wire wherever they are the point of a case.
"""

from . import files, parameters, queue, requests
from .case import Case, Sent

__all__ = ["Case", "Sent", "cases"]


def cases() -> list[Case]:
    """
    Every derived scenario.
    """
    return [case for module in (parameters, requests, queue, files) for case in module.cases()]
