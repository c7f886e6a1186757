"""
What was found about a server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from attrs import field, frozen

from ..options import ResumableOptions

__all__ = ["Diagnosis", "Finding"]


@frozen
class Finding:
    """
    One thing that was found, or that cannot be seen.

    :ivar name: what it is about.
    :ivar value: what was found; :data:`None` if it cannot be seen from here.
    :ivar how: what was done and seen, or why it cannot be seen: a clause.
    :ivar options: the options that follow from it.
    """

    name: str
    value: str | None
    how: str
    options: Mapping[str, object] = field(factory=dict)


@frozen
class Diagnosis:
    """
    What was found about a server.

    :ivar target: its URL, without the query.
    :ivar is_receiver: whether chunks can be uploaded to it.
    :ivar findings: what was found, in that order.
    :ivar given: what was given, and may be needed besides: names of options, and the query of the
        target.
    :ivar left: the names of the files that may be there, whole or in parts: it accepted a part of
        them, and they could not be removed.
    """

    target: str
    is_receiver: bool
    findings: tuple[Finding, ...]
    given: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def options(self) -> ResumableOptions:
        """The options that follow from all findings."""
        merged: Any = {}
        for finding in self.findings:
            merged.update(finding.options)
        return cast("ResumableOptions", merged)

    def finding(self, name: str) -> Finding:
        """
        What was found about one thing.

        :param name: its name.
        :raises KeyError: if that was not looked at.
        """
        for each in self.findings:
            if each.name == name:
                return each
        raise KeyError(name)
