"""
What may be put with an object besides its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["check_metadata"]

_NAME = re.compile(r"[A-Za-z0-9-]+\Z")
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?\Z|\Z")


def check_metadata(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """
    Check what has to travel in header fields.

    :raises ValueError: if a name is not of ASCII letters, digits and hyphens, or a value is not
        printable ASCII without spaces around it.
    """
    for name, value in metadata.items():
        if not _NAME.match(name):
            raise ValueError(f"{name!r} cannot be a name of metadata")
        if not _VALUE.match(value):
            raise ValueError(f"{name}: {value!r} cannot be metadata")
    return metadata
