"""
What proofs with real processes print at their ends.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["report"]


def report(
    counts: Mapping[str, int],
    faults: Iterable[str],
    base: Path,
    *,
    keep: bool,
    hint: str = "",
    indent: str = "",
) -> bool:
    """
    Print figures and faults; remove what is left on the disk unless there are any.

    :param base: where that is.
    :param keep: whether it stays in any case.
    :param hint: printed if there are faults.
    :param indent: what lines begin with.
    :returns: whether there are none.
    """
    say, found = sys.stdout.write, list(faults)
    for name, count in counts.items():
        say(f"{indent}{name}: {count}\n")
    for fault in found:
        say(f"{indent}FAULT: {fault}\n")
    if found:
        say(f"{indent}{hint}all is left in {base}\n")
    elif not keep:
        shutil.rmtree(base)
    return not found
