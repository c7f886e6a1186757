"""
Where finished files go: the options that say so, and the store that they make.
"""

from __future__ import annotations

import os
import re
from typing import Any

from twisted.python.usage import UsageError

from .arguments import EXISTING, as_existing, as_mode
from .objects.s3 import S3Objects
from .objects.store import ObjectStore
from .store import Disk, Store
from .store.completion import OnComplete
from .store.folder import Folder
from .values import checked, lasting, octal, size

__all__ = ["STORAGE", "STORAGE_FLAGS", "check_storage", "make_store", "place_of"]

STORAGE: list[list[Any]] = [
    ["directory", "d", None, "Where finished files go; created if missing.  [default: .]"],
    [
        "store",
        None,
        None,
        "Where they go instead, a bucket that receivers share: s3://BUCKET/PREFIX.",
    ],
    ["s3-endpoint", None, None, "The URL of the object storage.  [default: Amazon S3]"],
    ["s3-region", None, None, "The storage's region.  [default: that of botocore, or us-east-1]"],
    ["s3-deadline", None, None, "How long a request to object storage may take.  [default: 30s]"],
    ["memory", None, None, "How many bytes of chunks may wait for object storage.  [default: 64M]"],
    ["quota", None, None, "How large all files of an owner may be together.  [default: any]"],
    [
        "existing",
        None,
        None,
        f"What to do if a name is taken: {', '.join(EXISTING)}.  [default: suffix]",
    ],
    ["mode", None, None, "The permissions of files, such as 0640.  [default: as umask says]"],
]
"""The options, as :class:`twisted.python.usage.Options` has them."""
STORAGE_FLAGS: list[list[Any]] = [
    ["no-fsync", None, "Do not wait for the disk: a power cut may lose what was stored."],
    ["flat", None, "Put all files into the directory itself, whatever folders they come from."],
    ["no-digest", None, "Read no chunks of 5 MiB and more once more for a file's SHA-256."],
]

_FOLDER = {"directory": ".", "quota": "0", "existing": "suffix", "mode": None}
_BUCKET = {"s3-endpoint": None, "s3-region": None, "s3-deadline": "30s", "memory": "64M"}
_FOLDER_FLAGS, _BUCKET_FLAGS = ("no-fsync", "flat"), ("no-digest",)
_URL = re.compile(r"s3://([^/]+)(?:/(.*))?\Z", re.DOTALL)
_LONGEST_PREFIX = 600
"""In bytes: keys have at most 1024, and those of files need the others."""


def check_storage(options: Any) -> None:
    """
    Check them, and set what was not given.

    :raises UsageError: naming the option; also if the directory cannot be used, or is used by
        another receiver.
    """
    in_bucket = options["store"] is not None
    others = _FOLDER if in_bucket else _BUCKET
    flags = _FOLDER_FLAGS if in_bucket else _BUCKET_FLAGS
    for name in (*others, *flags):
        if options[name] not in (None, 0):
            why = "is for --directory, not for --store" if in_bucket else "is for --store"
            raise UsageError(f"--{name} {why}")
    for name, default in {**_FOLDER, **_BUCKET}.items():
        if options[name] is None:
            options[name] = default
    options["quota"] = checked(size, "quota", options["quota"])
    options["existing"] = checked(as_existing, "existing", options["existing"])
    options["memory"] = checked(_memory, "memory", options["memory"])
    options["s3-deadline"] = checked(lasting, "s3-deadline", options["s3-deadline"])
    if options["mode"] is not None:
        options["mode"] = checked(_permissions, "mode", options["mode"])
    if in_bucket:
        options["bucket"], options["prefix"] = checked(_bucket, "store", options["store"])
        _make_objects(options, None)
        return
    try:
        Folder(os.path.abspath(options["directory"]), Disk()).close()
    except OSError as error:
        raise _unusable(options["directory"], error)


def make_store(
    options: Any, reactor: Any, on_complete: OnComplete | None
) -> tuple[Store, None] | tuple[ObjectStore, S3Objects]:
    """
    The store that the options ask for, and the bucket if it is in one.

    :param options: checked ones.
    :raises UsageError: if the directory can be used no more.
    """
    common = {
        "reactor": reactor,
        "max_file_size": options["max-file-size"],
        "max_chunks": options["max-chunks"],
        "max_unfinished": options["max-unfinished"],
        "max_unfinished_size": options["max-unfinished-size"],
        "expire": options["expire"],
        "remember": options["remember"],
        "received_once": bool(options["received-once"]),
        "on_complete": on_complete,
        "on_complete_timeout": options["on-complete-timeout"],
    }
    if options["store"] is not None:
        objects = _make_objects(options, reactor)
        store = ObjectStore(
            objects,
            prefix=options["prefix"],
            location=lambda key: f"s3://{objects.bucket}/{key}",
            memory=options["memory"],
            digest=not options["no-digest"],
            **common,
        )
        return store, objects
    try:
        folder = Store(
            options["directory"],
            quota=options["quota"],
            fsync=not options["no-fsync"],
            keep_folders=not options["flat"],
            existing=options["existing"],
            mode=options["mode"],
            **common,
        )
    except OSError as error:
        raise _unusable(options["directory"], error)
    return folder, None


def place_of(options: Any) -> str:
    """The option that says where the storage is, with its value."""
    name = "store" if options["s3-endpoint"] is None else "s3-endpoint"
    return f"--{name} {options[name]}"


def _make_objects(options: Any, reactor: Any) -> S3Objects:
    try:
        return S3Objects(
            options["bucket"],
            endpoint=options["s3-endpoint"],
            region=options["s3-region"],
            deadline=options["s3-deadline"],
            reactor=reactor,
        )
    except ImportError as error:
        raise UsageError(f"--store: {error}")
    except ValueError as error:
        raise UsageError(f"{place_of(options)}: {error}")


def _bucket(url: str) -> tuple[str, str]:
    """A bucket, and what all keys in it begin with."""
    found = _URL.match(url)
    if found is None:
        raise ValueError("must be like s3://bucket or s3://bucket/prefix")
    prefix = (found[2] or "").strip("/")
    if len(prefix.encode("utf-8", "surrogateescape")) > _LONGEST_PREFIX:
        raise ValueError(f"must have a prefix of at most {_LONGEST_PREFIX} bytes")
    if prefix and any(part in ("", ".", "..") for part in prefix.split("/")):
        raise ValueError("must have no empty part, and none that is . or .., in its prefix")
    if not prefix.isprintable():
        raise ValueError("must have a prefix of characters that can be printed")
    return found[1], f"{prefix}/" if prefix else ""


def _memory(text: str) -> int:
    found = size(text) or 0
    if found < 1 << 20:
        raise ValueError("must be at least 1M")
    return found


def _permissions(text: str) -> Any:
    return as_mode(octal(text))


def _unusable(directory: str, error: OSError) -> UsageError:
    why = error.strerror
    if isinstance(error, BlockingIOError):
        why = "another receiver uses it"
    elif isinstance(error, FileExistsError):
        why = "it is not a directory"
    return UsageError(f"--directory {directory}: {why}")
