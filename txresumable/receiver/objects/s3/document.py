"""
The XML that S3 speaks, read strictly and within bounds.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate
from xml.sax.saxutils import escape

from attrs import define, field

from ..interface import Part

__all__ = ["Element", "MalformedDocument", "parse_document", "parse_time", "parts_document"]

_DEPTH = 16
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|\+00:00)\Z", re.ASCII)


class MalformedDocument(ValueError):
    """It is not XML, or has in it what no response of S3 has."""


@define
class Element:
    """
    :ivar name: without its namespace.
    :ivar text: what stands in it.
    :ivar children: the elements in it.
    """

    name: str
    text: str = ""
    children: list[Element] = field(factory=list)

    def all(self, name: str) -> Iterator[Element]:
        """Those in it that have this name."""
        return (child for child in self.children if child.name == name)

    def get(self, name: str, default: str = "") -> str:
        """The text of the first of them."""
        return next((child.text for child in self.all(name)), default)


def parse_document(data: bytes) -> Element:
    """
    Parse a document.

    :returns: its outermost element.
    :raises MalformedDocument: if it is none; also if it has a document type, with which entities
        would come.
    """
    parser = ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    top = Element("")
    above = [top]

    def start(name: str, _: Any) -> None:
        if len(above) > _DEPTH:
            raise MalformedDocument("it is too deep")
        element = Element(name.rpartition(" ")[2])
        above[-1].children.append(element)
        above.append(element)

    def end(_: str) -> None:
        above.pop()

    def characters(text: str) -> None:
        above[-1].text += text

    def refuse(*_: Any) -> None:
        raise MalformedDocument("it has a document type")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = refuse
    try:
        # While it works at something, S3 keeps the connection alive by spaces.
        parser.Parse(data.lstrip(), True)
    except ExpatError as error:
        raise MalformedDocument(str(error))
    return top.children[0]


def parse_time(text: str) -> float:
    """
    Seconds since 1970, whole ones.

    :raises MalformedDocument: if it is no time as S3 writes it.
    """
    found = _TIME.match(text)
    if found is None:
        raise MalformedDocument(f"{text!r} is no time")
    return float(calendar.timegm(tuple(map(int, found.groups()))))


def parts_document(parts: Sequence[Part]) -> bytes:
    """What a multipart upload is completed with."""
    lines = "".join(
        f"<Part><PartNumber>{part.number}</PartNumber><ETag>{escape(_quoted(part.etag))}</ETag></Part>"
        for part in parts
    )
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'<CompleteMultipartUpload xmlns="{space}">{lines}</CompleteMultipartUpload>'.encode()


def _quoted(etag: str) -> str:
    return f'"{etag}"'
