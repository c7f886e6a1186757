"""
Whether this process can open anything.
"""

from __future__ import annotations

import errno
import os

__all__ = ["NONE_LEFT", "shortage"]

NONE_LEFT = (errno.EMFILE, errno.ENFILE)
"""What opening anything fails with when too many files are open: that passes."""


def shortage() -> OSError | None:
    """
    Try it.

    :returns: the error if there are not two descriptors left.
    """
    try:
        for end in os.pipe():
            os.close(end)
    except OSError as error:
        return error
    return None
