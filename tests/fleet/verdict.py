"""
What came of a round, by another client's reading of the bucket.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.interop.seaweedfs import KEY, SECRET

from .plan import File
from .told import Notice

__all__ = ["Bucket", "judge"]


class Bucket:
    """A bucket, read by botocore.  Its methods block."""

    def __init__(self, endpoint: str, name: str) -> None:
        from botocore.config import Config
        from botocore.session import Session

        self._name = name
        self._client: Any = Session().create_client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys that begin so."""
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._name, Prefix=prefix):
            for found in page.get("Contents", ()):
                yield found["Key"]

    def has(self, key: str) -> bool:
        """Whether there is an object, listed or not."""
        from botocore.exceptions import ClientError

        try:
            self._client.head_object(Bucket=self._name, Key=key)
        except ClientError:
            return False
        return True

    def get(self, key: str) -> bytes:
        """An object."""
        body: bytes = self._client.get_object(Bucket=self._name, Key=key)["Body"].read()
        return body

    def digest(self, key: str) -> str:
        """The SHA-256 of an object."""
        return hashlib.sha256(self.get(key)).hexdigest()


def judge(
    bucket: Bucket, prefix: str, files: Iterable[File], notices: Mapping[str, Sequence[Notice]]
) -> tuple[list[str], Counter[str]]:
    """
    Compare what is stored, and what was said of it, with what was uploaded.

    :returns: what is not as it should be, and figures.
    """
    faults: list[str] = []
    counts: Counter[str] = Counter()
    stored: dict[str, list[str]] = defaultdict(list)
    for key in bucket.keys(f"{prefix}files/"):
        stored[key.rpartition("/")[2]].append(key)
    for file in files:
        digest = file.digest()
        keys = stored.pop(file.name, [])
        said = notices.get(file.name, [])
        for key in {prefix + each.location.rpartition(prefix)[2] for each in said} - {*keys}:
            # Filers that were killed may leave an object in a folder that no listing comes to.
            if bucket.has(key):
                keys.append(key)
                counts["files that are there, and not listed"] += 1
        if len(keys) != 1:
            faults.append(f"{file.name} is stored {len(keys)} times: {keys}; it was said: {said}")
        faults += [f"{key} is not equal" for key in keys if bucket.digest(key) != digest]
        counts["notified again"] += max(0, len(said) - 1)
        if not said:
            faults.append(f"{file.name} was not notified")
        if len({(each.id, each.sha256, each.location) for each in said}) > 1:
            faults.append(f"{file.name} was notified with several ids: {said}")
        for each in said:
            if each.sha256 != digest:
                faults.append(f"{file.name} was notified with a wrong digest: {each}")
            if keys and not each.location.endswith(keys[0]):
                faults.append(f"{file.name} was notified where it is not: {each}")
        counts["files equal"] += 1
        counts["chunks"] += file.chunks
        counts["bytes"] += file.size
    faults += [f"nobody uploaded {keys}" for keys in stored.values()]
    counts["objects left of uploads"] = sum(1 for _ in bucket.keys(f"{prefix}u/"))
    return faults, counts
