"""
From what a client calls a file to names on the disk.

What is unfinished has a hash for its name.  What the client says becomes, cleaned, the path of the
finished file, and nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from hashlib import sha256
from os.path import splitext

from ..._protocol.layout import ChunkLayout

__all__ = ["is_key", "key_of", "names_for", "safe_name", "safe_path"]

_LONGEST = 200
_KEY = re.compile(r"[0-9a-f]{64}\Z")
_SEPARATORS = re.compile(r"[/\\]")
# What Windows cannot have in a name, since folders are shared and archives travel.
_FORBIDDEN = re.compile(r'[<>:"|?*]')
# As most are; nothing is to be changed about these, unless they are long.
_PLAIN = re.compile(r"[A-Za-z0-9_-]+(?:[ .][A-Za-z0-9_-]+)*", re.ASCII)
_SHORT = 64
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?\Z", re.IGNORECASE)


def key_of(owner: str, identifier: str, layout: ChunkLayout) -> str:
    """
    The name under which an upload is kept.

    :param owner: whose it is.
    :param identifier: what the client calls it, exactly.
    :param layout: which bytes belong to which chunk: chunks of two sizes cannot be put together.
    :returns: 64 hexadecimal digits; no two of these share one.
    """
    owned = owner.encode("utf-8", "surrogatepass")
    named = identifier.encode("utf-8", "surrogatepass")
    facts = layout.size, layout.chunk_size, layout.force, len(owned), owned, named
    return sha256(b"%d:%d:%d:%d:%b%b" % facts).hexdigest()


def is_key(text: str) -> bool:
    """Whether a text is something that :func:`key_of` can return."""
    return _KEY.match(text) is not None


def safe_name(name: str) -> str:
    """
    A client's file name as a single component that is harmless on every system.

    :param name: any text.
    :returns: at most 200 bytes of UTF-8 (NFC); no separators, control characters or leading dots,
        none of the names that Windows reserves; ``file`` if nothing is left.
    """
    return safe_path(name)[-1]


def safe_path(path: str) -> list[str]:
    """
    A client's path as one that leads downwards and is harmless on every system.

    :param path: any text; what is between separators is a component, and those that are empty or
        lead upwards do not count, unless they are the last.
    :returns: its components, at least one, each as :func:`safe_name` has it.
    """
    *folders, name = _SEPARATORS.split(path)
    return [_component(each) for each in folders if each.strip(" .")] + [_component(name)]


def _component(name: str) -> str:
    if len(name) <= _SHORT and _PLAIN.fullmatch(name) and not _RESERVED.match(name):
        return name
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    name = "".join("_" if unicodedata.category(c)[0] in "CZ" and c != " " else c for c in name)
    name = _FORBIDDEN.sub("_", name).strip(" .")
    if _RESERVED.match(name):
        name = "_" + name
    return _shortened(name) or "file"


def names_for(name: str, key: str) -> Iterator[str]:
    """
    The names to try for a finished file, the plainest first, without end.

    :param name: what the client calls it.
    :param key: what :func:`key_of` says.
    """
    name = safe_name(name)
    yield name
    stem, extension = splitext(name)
    yield f"{stem}-{key[:8]}{extension}"
    number = 2
    while True:
        yield f"{stem}-{key[:8]}-{number}{extension}"
        number += 1


def _shortened(name: str) -> str:
    stem, extension = splitext(name)
    ending = extension.encode()
    if len(ending) > 32:
        stem, ending = name, b""
    kept = stem.encode()[: _LONGEST - len(ending)].decode("utf-8", "ignore")
    return kept.rstrip(" .") + ending.decode()
