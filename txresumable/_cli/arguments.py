"""
The options of the client as arguments of a command line: each field of
:class:`~txresumable.options.Options` is one, whatever parses the line.

An argument that cannot be raises :class:`BadArgument`, which names it and its value, unless that
may be a secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from attrs import NOTHING, Attribute, fields, frozen

from ..errors import InvalidOption
from ..options import MIB, Options

__all__ = ["ARGUMENTS", "TARGET", "Argument", "BadArgument", "read_options"]

_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)\s?([kmgt]?)(?:i?b)?\Z", re.I | re.A)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SPAN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|[smhd]?)\Z", re.A)
_SPANS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NAMED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*\Z")
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class BadArgument(ValueError):
    """
    An argument cannot be used.

    :ivar name: the argument.
    :ivar value: what it was given; :data:`None` if that is not to be shown.
    :ivar reason: what it takes.
    """

    def __init__(self, name: str, value: str | None, reason: str) -> None:
        super().__init__(name, value, reason)
        self.name = name
        self.value = value
        self.reason = reason

    def __str__(self) -> str:
        shown = "" if self.value is None else f" {self.value}"
        return f"--{self.name}{shown}: {self.reason}"


@frozen
class Argument:
    """
    One argument.

    :ivar name: with hyphens, and none in front.
    :ivar option: the option that it sets, or adds to.
    :ivar metavar: what it takes, in capitals; nothing for a switch, which is ``--name`` or
        ``--no-name``.
    :ivar text: what it does, for people.
    :ivar read: from its text to the option's value, or to what is added to it; raises
        :exc:`ValueError` with what it takes.
    :ivar many: whether it may be given again, to add more.
    :ivar secret: whether its value is not to be shown.
    """

    name: str
    option: str
    metavar: str
    text: str
    read: Callable[[str], Any]
    many: bool = False
    secret: bool = False

    @property
    def is_switch(self) -> bool:
        """Whether it takes no value."""
        return not self.metavar

    def value_of(self, text: str) -> Any:
        """
        Read a value.

        :param text: as it was typed.
        :raises BadArgument: if it cannot be.
        """
        try:
            return self.read(text)
        except ValueError as error:
            raise BadArgument(self.name, None if self.secret else text, str(error))


def read_options(given: Iterable[tuple[Argument, Any]]) -> dict[str, Any]:
    """
    What was typed, as options.

    :param given: arguments, each with its text, or whether a switch was turned on.
    :returns: keyword arguments for :class:`~txresumable.options.Options`, checked.
    :raises BadArgument: if one cannot be, or if there is no target.
    """
    options: dict[str, Any] = {}
    order = {argument.name: number for number, argument in enumerate(ARGUMENTS)}
    for argument, typed in sorted(given, key=lambda each: order[each[0].name]):
        value = typed if argument.is_switch else argument.value_of(typed)
        if argument.many:
            value = _added(argument, options.get(argument.option), value)
        elif argument.option in options and argument.option in ("headers", "query"):
            raise BadArgument(argument.name, typed, f"cannot go with other {argument.option}")
        options[argument.option] = value
    if "target" not in options:
        raise BadArgument("target", None, "is needed: the URL to upload to")
    try:
        Options(**options)
    except InvalidOption as error:
        name = "header" if error.option == "headers" else error.option.replace("_", "-")
        raise BadArgument(name, None, f"{error.reason}, not {error.value!r}")
    return options


def _added(argument: Argument, before: Any, value: Any) -> Any:
    """More of something: names as they were given last, whatever their case in headers."""
    if isinstance(value, tuple):
        return (before or ()) + value
    merged = dict(before or {})
    for name in value:
        for same in [each for each in merged if each.lower() == name.lower()]:
            if argument.option == "headers" or same == name:
                del merged[same]
    return {**merged, **value}


# Reading -----------------------------------------------------------------------------------------


def _text(text: str) -> str:
    return text


def _number(text: str) -> int:
    if re.match(r"[0-9]{1,18}\Z", text, re.ASCII) is None:
        raise ValueError("must be a whole number")
    return int(text)


def _size(text: str) -> int:
    found = _SIZE.match(text)
    if found is None:
        raise ValueError("must be a size such as 1000, 512K, 20MiB or 1.5G")
    number = float(found[1]) if "." in found[1] else int(found[1])
    return int(number * _UNITS[found[2].lower()])


def _seconds(text: str) -> float:
    found = _SPAN.match(text)
    if found is None:
        raise ValueError("must be a time in seconds such as 30 or 0.5, or 500ms, 15m, 12h, 7d")
    return float(found[1]) * _SPANS[found[2]]


def _number_or_auto(text: str) -> int | str:
    return text if text == "auto" else _number(text)


def _tests(text: str) -> bool | str:
    if text not in ("yes", "no", "adaptive"):
        raise ValueError("must be yes, no or adaptive")
    return text if text == "adaptive" else text == "yes"


def _word(text: str) -> str | None:
    return None if text == "none" else text


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _statuses(text: str) -> frozenset[int]:
    try:
        return frozenset(_number(word) for word in _words(text))
    except ValueError:
        raise ValueError("must be HTTP statuses such as 400,404,501")


def _function(text: str) -> Any:
    if _NAMED.match(text) is None:
        raise ValueError("must be the name of a function, as package.module:function")
    module, _, name = text.partition(":")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:  # whatever happens in a module of the user's
        raise ValueError(f"cannot be imported: {type(error).__name__}: {error}")
    if not callable(found):
        raise ValueError("cannot be called")
    return found


def _identify(text: str) -> Any:
    return _function(text if ":" in text else f"txresumable.identifiers:{text}")


def _target(text: str) -> Any:
    return _function(text) if _NAMED.match(text) else text


def _header(text: str) -> dict[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ValueError("must be 'Name: value'")
    return {name.strip(): value.strip()}


def _header_file(path: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for number, line in enumerate(_read(path).decode("utf-8", "replace").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            headers.update(_header(line))
        except ValueError:
            raise ValueError(f"must hold a header on each line, as 'Name: value'; line {number}")
    return headers


def _header_from_environment(text: str) -> dict[str, str]:
    ((name, variable),) = _header(text).items()
    if variable not in os.environ:
        raise ValueError(f"the environment has no variable {variable!r}")
    return {name: os.environ[variable]}


def _pair(text: str) -> dict[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError("must be name=value")
    return {name: value}


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}")


def _trust_root(path: str) -> Any:
    from OpenSSL.crypto import Error
    from twisted.internet.ssl import Certificate, trustRootFromCertificates

    found = _CERTIFICATE.findall(_read(path))
    if not found:
        raise ValueError("holds no certificate in PEM form")
    try:
        return trustRootFromCertificates([Certificate.loadPEM(pem) for pem in found])
    except Error:
        raise ValueError("holds a certificate that cannot be read")


def _client_certificate(path: str) -> Any:
    from OpenSSL.crypto import Error
    from twisted.internet.ssl import PrivateCertificate

    pem = _read(path)
    if b"ENCRYPTED" in pem:
        raise ValueError("holds a key with a passphrase; it is to be one without")
    try:
        return PrivateCertificate.loadPEM(pem)
    except Error:
        raise ValueError("must hold a certificate and its private key in PEM form")


# What there is -----------------------------------------------------------------------------------

_KINDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "Any": ("FILE", _trust_root),
    "Hook | None": ("FUNCTION", _function),
    "Identify": ("FUNCTION", _identify),
    "PerChunk": ("FUNCTION", _function),
    "RetryPolicy | None": ("FUNCTION", _function),
    "Target": ("URL", _target),
    "Target | None": ("URL", _target),
    "bool": ("", bool),
    "bool | str": ("WHEN", _tests),
    "float": ("SECONDS", _seconds),
    "float | None": ("SECONDS", _seconds),
    "float | RateLimiter | None": ("SIZE", _size),
    "frozenset[int] | None": ("STATUSES", _statuses),
    "int": ("N", _number),
    "int | None": ("N", _number),
    "int | str": ("N", _number_or_auto),
    "str": ("TEXT", _text),
    "str | None": ("TEXT", _text),
    "tuple[str, ...]": ("KINDS", _words),
}
"""From the type of an option, as it is written, to what its argument takes and how it is read."""

_NAME = "What this parameter is called; an empty name leaves it out. By default the dialect's: "

_TEXTS = {
    "target": "Where to upload to: an http:// or https:// URL, or a function.",
    "test_target": "Where to ask for chunks, if that is elsewhere.",
    "test_method": "The HTTP method of a test.",
    "upload_method": "The HTTP method of an upload.",
    "headers": "A function of file and chunk that returns the headers, for tokens that run out.",
    "query": "A function of file and chunk that returns more parameters.",
    "with_credentials": "Keep the cookies that the server sets, and send them back.",
    "insecure_credentials": "What to do when credentials would go to another machine "
    "unencrypted: warn, refuse or allow.",
    "trust_root": "The certificates to trust over TLS instead of the system's, in PEM form.",
    "client_certificate": "A certificate to show to the server, with its private key, in one file "
    "in PEM form.",
    "dialect": "The protocol: resumable, or flow or simple for servers made for flow.js or "
    "simple-uploader.js.",
    "method": "How a chunk is sent: multipart (a form) or octet (the bare chunk).",
    "chunk_format": "blob sends a chunk as it is, base64 as text in a form field.",
    "set_chunk_type_from_file": "Send each chunk with the media type of its file.",
    "parameter_namespace": "What to put before the name of every parameter.",
    "chunk_number_parameter_name": _NAME + "resumableChunkNumber.",
    "chunk_size_parameter_name": _NAME + "resumableChunkSize.",
    "current_chunk_size_parameter_name": _NAME + "resumableCurrentChunkSize.",
    "total_size_parameter_name": _NAME + "resumableTotalSize.",
    "type_parameter_name": _NAME + "resumableType.",
    "identifier_parameter_name": _NAME + "resumableIdentifier.",
    "file_name_parameter_name": _NAME + "resumableFilename.",
    "relative_path_parameter_name": _NAME + "resumableRelativePath.",
    "total_chunks_parameter_name": _NAME + "resumableTotalChunks.",
    "file_parameter_name": "What the part with the chunk is called; by default file.",
    "checksum": "sha256 sends each chunk with its digest, for receivers that compare it.",
    "chunk_size": "The size of a chunk; the last one takes what is left, up to twice as much.",
    "force_chunk_size": "Let no chunk be larger than that: the last one is the small one.",
    "simultaneous_uploads": "How many chunks are under way at once, or auto.",
    "prioritize_first_and_last_chunk": "Send the first and the last chunk of each file first.",
    "test_chunks": "Whether to ask for each chunk before it is sent: yes, no, or adaptive, which "
    "stops asking once that does not help.",
    "preprocess": "Called with each chunk before it is tested and sent.",
    "preprocess_file": "Called with each file before its first chunk.",
    "generate_unique_identifier": "What the server knows a file by: safe, resumable_js (to go on "
    "with what a browser began), content, or a function of the file.",
    "source_check": "What tells that a file changed: strict, mtime (its size and time of "
    "writing), or size, for file systems without constant file numbers and times.",
    "max_files": "How many files are let in.",
    "min_file_size": "The smallest file that is let in; 0 lets empty ones in.",
    "max_file_size": "The largest file that is let in.",
    "file_type": "What is let in: extensions and media types, such as jpg,image/*.",
    "max_files_error_callback": "Called with the files that are too many, and how often it was.",
    "min_file_size_error_callback": "Called with each file that is too small.",
    "max_file_size_error_callback": "Called with each file that is too large.",
    "file_type_error_callback": "Called with each file of another type.",
    "max_chunk_retries": "How often a chunk is tried again.",
    "permanent_errors": "The statuses that fail a file at once; by default the dialect's.",
    "chunk_retry_interval": "A fixed wait before a chunk is tried again, not one that grows.",
    "retry_policy": "A function that says how long to wait before a chunk is tried again.",
    "connect_timeout": "How long a connection may take to be made.",
    "stall_timeout": "How long nothing may move on a connection.",
    "chunk_timeout": "How long a request may take in all.",
    "max_offline": "How long to go on trying while the server cannot be reached.",
    "throttle_progress_callbacks": "The least time between two reports of progress.",
    "max_rate": "How many bytes a second to send at most.",
}

_SPECIAL: dict[str, dict[str, Any]] = {
    "headers": {"name": "headers-from"},
    "query": {"name": "query-from"},
    "client_certificate": {"read": _client_certificate},
    "insecure_credentials": {"metavar": "WORD"},
    "dialect": {"metavar": "NAME"},
    "method": {"metavar": "NAME"},
    "chunk_format": {"metavar": "NAME"},
    "checksum": {"metavar": "NAME", "read": _word},
    "source_check": {"metavar": "NAME"},
    "test_method": {"metavar": "METHOD"},
    "upload_method": {"metavar": "METHOD"},
    "file_type": {"many": True},
    "generate_unique_identifier": {"metavar": "NAME"},
}

_ADDED = (
    Argument(
        "header-file",
        "headers",
        "FILE",
        "A file with headers for each request, one a line as 'Name: value'. For tokens: a command "
        "line can be read by every user of the machine.",
        _header_file,
        many=True,
    ),
    Argument(
        "header-from-env",
        "headers",
        "HEADER",
        "A header whose value is in the environment, as 'Name: VARIABLE'.",
        _header_from_environment,
        many=True,
    ),
    Argument(
        "header",
        "headers",
        "HEADER",
        "A header for each request, as 'Name: value'. May be given again; for secrets see "
        "--header-file.",
        _header,
        many=True,
        secret=True,
    ),
    Argument(
        "query",
        "query",
        "PAIR",
        "One more parameter for each request, as name=value. May be given again.",
        _pair,
        many=True,
        secret=True,
    ),
)


def _shown(default: Any) -> str:
    """A default for people, or nothing."""
    if default is None or default is NOTHING or default == "" or default == ():
        return ""
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, str):
        return default
    if callable(default):
        return str(default.__name__)
    return "1 MiB" if default == MIB else f"{default:g}"


def _argument(field: Attribute[Any]) -> Argument:
    metavar, read = _KINDS[Options.__annotations__[field.name]]
    if field.name.endswith("_size") and read is _number:
        metavar, read = "SIZE", _size
    text = _TEXTS[field.name]
    default = "" if hasattr(field.default, "factory") else _shown(field.default)
    given: dict[str, Any] = {
        "name": field.name.replace("_", "-"),
        "metavar": metavar,
        "read": read,
        "text": text + f" [default: {default}]" if default and metavar else text,
    }
    return Argument(option=field.name, **{**given, **_SPECIAL.get(field.name, {})})


ARGUMENTS = (*_ADDED, *(_argument(field) for field in fields(Options)))
"""All arguments."""

TARGET = next(argument for argument in ARGUMENTS if argument.option == "target")
"""The one that is always needed."""
