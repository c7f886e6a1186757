"""
``txresumable verify``: whether local files are what the receiver has stored.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import unquote_to_bytes

__all__ = ["verify"]

_PIECE = 1 << 20


def verify(file: Mapping[str, Any], folder: str, said: str = "") -> tuple[bool | None, str]:
    """
    Compare a file with the digest that the receiver gives now, or gave when it was complete.
    Blocks.

    :param file: as the service describes it, done.
    :param folder: the path of the folder that it was found in.
    :param said: what the receiver says now, as hexadecimal, if it does.
    :returns: whether it is the same, or :data:`None` if that cannot be told; and how that is known.
    """
    if not said and not file["digest"]:
        return None, "cannot be verified: the receiver gave no digest of the whole file"
    location = file["location"] or ""
    path = os.path.join(os.fsencode(folder), unquote_to_bytes(location or file["path"]))
    try:
        found = _digest(path)
    except FileNotFoundError:
        return None, "cannot be verified: it lies here no more"
    except OSError as error:
        return None, f"cannot be verified: {error.strerror}"
    wanted = said or str(file["digest"]).rpartition(":")[2].lower()
    when = "now" if said else "when it was complete"
    if found == wanted:
        return True, f"is what the receiver has: SHA-256 {found}, as it says {when}"
    return False, f"differs: SHA-256 {found} here, {wanted} there {when}"


def _digest(path: bytes) -> str:
    digest = sha256()
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
