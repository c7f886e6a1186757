"""
What is recorded: the scenarios of the recordings that there are, and a few about what only flow.js
and simple-uploader.js have.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

from tests.conformance.exchange import chunk_of
from tests.conformance.scenario import DATA

__all__ = ["Specification", "specifications"]

UPLOADS: Final = "addFiles(); upload()"
"""What most pages do."""

_UNKNOWN = re.compile("parameterNamespace|testTarget|chunkFormat|minFileSizeError|xhrTimeout")
"""Options that resumable.js alone has, where a scenario is about them."""

_ELSEWHERE = frozenset(("upload-on-added", "upload-at-once", "identifier-promise", "pause-resume"))
"""
Of two it is not recorded what the page did; only resumable.js takes promises; and what of the last
is sent depends on the moment.
"""


@frozen
class Specification:
    """
    One scenario to be recorded.

    :ivar replies: by what is asked (``test`` or ``upload``), the number of the chunk, and the name
        of its file: what is answered, the last of it again and again.
    """

    id: str
    doc: str
    options: str
    files: Sequence[Mapping[str, Any]]
    driver: str = UPLOADS
    replies: Mapping[tuple[str, str, str], Sequence[Any]] = field(factory=dict)

    def reply(self, what: str, number: str, name: str, again: int) -> Any:
        """
        What is answered.

        :param again: how often that was asked before.
        """
        for replies in filter(
            None, (self.replies.get((what, number, file)) for file in (name, ""))
        ):
            return replies[min(again, len(replies) - 1)]
        return {"status": 200 if what == "upload" else 204}


def specifications() -> Iterator[Specification]:
    """All of them, each id once."""
    ids = set()
    for name in ("wire-flow.json", "wire.json"):
        for raw in json.loads((DATA / name).read_text("utf-8"))["scenarios"]:
            if raw["id"] not in _ELSEWHERE | ids and _UNKNOWN.search(raw["options"]) is None:
                ids.add(raw["id"])
                yield _repeated(raw)
    yield from (each for each in _own() if each.id not in ids)


def _repeated(raw: Mapping[str, Any]) -> Specification:
    replies: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    is_resumable = raw["client"].startswith("resumable") and raw["id"] != "get-404"
    for request in raw["requests"]:
        if request["method"] != "OPTIONS":
            body = request.get("body")
            reply = request["reply"]
            if is_resumable and body is None and reply == {"status": 404}:
                reply = {"status": 204}  # a server that says that a chunk is absent
            number, file = chunk_of(request["url"], (body or {}).get("parts", ()))
            replies["test" if body is None else "upload", number, file].append(reply)
    files = raw.get("files") or [
        {
            "name": each["name"],
            "size": each["ranges"][-1][-1],
            "type": "",
            "rel": each["relativePath"],
        }
        for each in raw["chunks"]
    ]
    return Specification(raw["id"], raw["doc"], raw["options"], files, raw["driver"], replies)


def _own() -> Iterator[Specification]:
    file = {"name": "file.bin", "size": 1500, "type": "application/x-thing"}

    def one(id: str, doc: str, options: str = "", **chosen: Any) -> Specification:
        plain = "target:'/u',chunkSize:1000,simultaneousUploads:1"
        return Specification(
            id, doc, f"({{{plain}{options and ',' + options}}})", **{"files": [file], **chosen}
        )

    uploads, tests = ("upload", "1", ""), ("test", "1", "")
    yield one(
        "success-statuses",
        "successStatuses without 201 and with 206",
        "successStatuses:[200,206],maxChunkRetries:2",
        replies={uploads: [{"status": 201}, {"status": 206}]},
    )
    yield one(
        "permanent-errors",
        "permanentErrors without 404, which is the response to a test",
        "permanentErrors:[413,500]",
        replies={tests: [{"status": 404}]},
    )
    yield one(
        "permanent-errors-test",
        "permanentErrors with 403, which is the response to a test",
        "permanentErrors:[403]",
        replies={tests: [{"status": 403}]},
    )
    query = "query:{'a b':'é',totalSize:'77',flowTotalSize:'78',chunkNumber:'79'}"
    yield one("query-both", "query that reuses names of both libraries", query)
    yield one("query-both-octet", "the same, octet", f"method:'octet',{query}")
    for kind in ("", "Text/PLAIN", "multipart/form-data", "text/plain; charset=utf-8"):
        name = re.sub("[^a-z0-9]+", "-", kind.lower()) or "none"
        typed = [{**file, "type": kind}]
        yield one(f"type-{name}", f"file of type {kind!r}", files=typed)
        yield one(f"type-{name}-octet", "the same, octet", "method:'octet'", files=typed)
    yield one(
        "target-function-octet",
        "target is a function, octet",
        "target:function(){return '/fn?only=this'},method:'octet'",
    )
    yield one("empty", "empty file", files=[{**file, "size": 0}])
    yield one(
        "simultaneous",
        "seven chunks, two at once",
        "simultaneousUploads:2",
        files=[{**file, "size": 7017}],
    )
    yield one(
        "first-and-last",
        "prioritizeFirstAndLastChunk",
        "prioritizeFirstAndLastChunk:true",
        files=[{**file, "size": 5017}, {**file, "name": "other.bin", "size": 4017}],
    )
    yield one("file-parameter-name", "fileParameterName", "fileParameterName:'a \"b\"'")
    lines = "query:{'k\\n':'a\\nb\\rc\\r\\nd'}"
    yield one("query-lines", "query with the ends of lines", lines)
    yield one("query-lines-octet", "the same, octet", f"method:'octet',{lines}")
    numbers = "query:{b:'1',10:'2',2:'3','01':'4',f:1.5e30,t:-0.25}"
    yield one("query-numbers", "query with numbers as names and values", numbers)
    yield one("query-numbers-octet", "the same, octet", f"method:'octet',{numbers}")
    yield one("put-octet", "PUT, octet", "uploadMethod:'PUT',method:'octet'")
    typed = "method:'octet',headers:{'Content-Type':'text/x-own','X-Tok':'a'}"
    yield one("headers-type-octet", "headers with a Content-Type, octet", typed)
    yield one("target-open", "target with an empty query", "target:'/u?'")
    yield one("target-escaping", "target that is not encoded", "target:'/p q/é?sig=it\\'s&%2B='")
    for name, text in (
        ("lines", "a\r\nb\nc\rd.bin"),
        ("control", "a\tb\x01c\x7fd.bin"),
        ("spaces", " a  b .bin "),
        ("emoji", "📄 ﬁle é e\u0301.bin"),
    ):
        files = [{**file, "name": text}]
        yield one(f"names-{name}", f"name with {name}", files=files)
        yield one(f"names-{name}-octet", "the same, octet", "method:'octet'", files=files)
