"""
Scenarios that nobody recorded: what resumable.js would send, worked out by hand from its source
and from the standards that a browser follows (URL, Fetch, multipart/form-data of HTML,
ECMAScript's ``String()``).

Targets and parts are written out as they stand on the wire wherever they are the point of a case.
"""

from . import deliberate, files, parameters, queue, requests
from .case import Case, Instead

__all__ = ["Case", "Instead", "cases"]


def cases() -> list[Case]:
    """
    Every derived scenario.
    """
    modules = (parameters, requests, queue, files, deliberate)
    return [case for module in modules for case in module.cases()]
