"""Metrics that pages name, and that there are."""

from __future__ import annotations

import re
import sys

from prometheus_client.parser import text_string_to_metric_families

from tests.examples import ROOT

_NAME = re.compile(r"\b(?:resumable_receiver|txresumable|process|python)_[a-z_]+")


def named(*pages: str) -> set[str]:
    """The names of metrics on pages of the documentation."""
    found = {name for page in pages for name in _NAME.findall((ROOT / "docs" / page).read_text())}
    if sys.platform != "linux":
        found = {name for name in found if not name.startswith("process_")}
    return found


def shown(text: str) -> set[str]:
    """The names of metrics that a response has, with values or without."""
    found = set()
    for family in text_string_to_metric_families(text):
        suffix = "_total" if family.type == "counter" else ""
        found.add(f"{family.name}{suffix}")
    return found


def ours(names: set[str]) -> set[str]:
    """Those of them that are not of the process."""
    return {name for name in names if "resumable" in name and not name.endswith("_created")}
