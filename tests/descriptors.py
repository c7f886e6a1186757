"""
What this process has open.
"""

from __future__ import annotations

import gc
import os

__all__ = ["open_descriptors"]

_OPEN = "/proc/self/fd"


def open_descriptors() -> int:
    """
    How many descriptors are open, but for those of garbage, as earlier tests leave; none where the
    system does not say.
    """
    gc.collect()
    return len(os.listdir(_OPEN)) if os.path.exists(_OPEN) else 0
