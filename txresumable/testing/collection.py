"""
The garbage collector, kept out of a simulation.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]


@contextmanager
def uncollected() -> Iterator[None]:
    """
    Let nothing be collected meanwhile, whatever the collector's thresholds are.

    What a killed process leaves is garbage in cycles, and a suspended coroutine that is collected
    runs its ``finally`` blocks: in the middle of whatever the living do at that moment, and at
    another moment in each run.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
