"""
The options of the client as arguments of a command line: each field of
:class:`~txresumable.options.Options` is one, whatever parses the line.

One that cannot be used raises :class:`~txresumable._cli.argument.BadArgument`, which names it and
its value, unless that may be a secret.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import NOTHING, Attribute, fields

from .._protocol.servers import SERVERS, unless_needed
from ..errors import InvalidOption
from ..options import MIB, Options
from . import values
from .argument import Argument, BadArgument
from .environment import proxies
from .header_command import HeaderCommand
from .headers import HeaderFile, RenewedHeaders, joined

__all__ = ["ARGUMENTS", "GROUPS", "TARGET", "read_options"]

_KINDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "Any": ("FILE", values.trust_root),
    "Check": ("NAME", values.text),
    "ChunkFormat": ("NAME", values.text),
    "ChunkHook | None": ("FUNCTION", values.function),
    "DialectName": ("NAME", values.text),
    "Expected | None": ("PATTERN", values.text),
    "FileHook | None": ("FUNCTION", values.function),
    "Identify": ("NAME", values.identify),
    "Links": ("WORD", values.text),
    "WhenChanged": ("WORD", values.text),
    "Insecure": ("WORD", values.text),
    "Literal['sha256'] | None": ("NAME", values.word),
    "ManyRefused | None": ("FUNCTION", values.function),
    "Method": ("NAME", values.text),
    "OneRefused | None": ("FUNCTION", values.function),
    "PerChunkHeaders": ("FUNCTION", values.function),
    "PrivateCertificate | None": ("FILE", values.client_certificate),
    "ProxyFor | None": ("URL", values.proxy),
    "Query": ("FUNCTION", values.function),
    "RetryPolicy | None": ("FUNCTION", values.function),
    "Target": ("URL", values.target),
    "Target | None": ("URL", values.target),
    "bool": ("", bool),
    "bool | None": ("WHETHER", values.yes_or_no),
    "bool | Literal['adaptive']": ("WHEN", values.tests),
    "float": ("SECONDS", values.seconds),
    "float | None": ("SECONDS", values.seconds),
    "float | RateLimiter | None": ("SIZE", values.size),
    "frozenset[int] | None": ("STATUSES", values.statuses),
    "int": ("N", values.number),
    "int | Literal['auto']": ("N", values.number_or_auto),
    "int | Literal['auto'] | None": ("N", values.number_or_auto),
    "int | None": ("N", values.number),
    "str": ("TEXT", values.text),
    "str | None": ("TEXT", values.text),
    "tuple[str, ...]": ("KINDS", values.words),
}
"""From the type of an option, as it is written, to what its argument takes and how it is read."""

_NAME = "What this parameter is called; an empty name leaves it out. By default the dialect's: "

_TEXTS = {
    "server": "A server whose options are known; those that are given go before them: "
    f"{', '.join(SERVERS)}.",
    "target": "Where to upload to: an http:// or https:// URL, or a function.",
    "test_target": "Where to ask for chunks, if that is elsewhere.",
    "test_method": "The HTTP method of a test.",
    "upload_method": "The HTTP method of an upload.",
    "headers": "A function of file and chunk that returns the headers, for tokens that run out.",
    "query": "A function of file and chunk that returns more parameters.",
    "again": "Send what the receiver had before and has no more, too (its --received-once).",
    "with_credentials": "Keep the cookies that the server sets, and send them back.",
    "insecure_credentials": "What to do when credentials would go to another machine "
    "unencrypted: warn, refuse or allow.",
    "trust_root": "The certificates to trust over TLS instead of the system's, in PEM form.",
    "client_certificate": "A certificate to show to the server, with its private key, in one file "
    "in PEM form.",
    "proxy": "An HTTP proxy: http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, a function, or "
    "none. [default: what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say, where a password is not seen "
    "by every user of the machine]",
    "dialect": "The protocol: resumable, or flow or simple for servers made for flow.js or "
    "simple-uploader.js.",
    "method": "How a chunk is sent: multipart (a form) or octet (the bare chunk).",
    "chunk_format": "blob sends a chunk as it is, base64 as text in a form field.",
    "set_chunk_type_from_file": "Whether each chunk has the media type of its file: yes, or no. "
    "[default: no, but yes with --dialect flow and simple]",
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
    "max_simultaneous_uploads": "How many chunks are under way at the most, if that is auto.",
    "simultaneous_tests": "How many chunks are tested at once, ahead of those that are sent, or "
    "auto. [default: auto if tests are adaptive or --simultaneous-uploads is auto; else tested "
    "chunks are among those]",
    "lend_slots": "Whether a small chunk that only waits for its response lets another one begin: "
    "yes, or no. [default: yes if --simultaneous-uploads is auto]",
    "in_order": "Whether each chunk of a file waits until those before it are stored: yes, or no. "
    "[default: yes if --simultaneous-uploads is 1]",
    "last_chunk_alone": "Whether the last chunk of each file waits until the others are stored: "
    "yes, or no. [default: yes]",
    "prioritize_first_and_last_chunk": "Send the first and the last chunk of each file first.",
    "small_files_first": "Send the smallest file first, instead of the one that was added first.",
    "test_chunks": "Whether to ask for each chunk before it is sent: yes, no, or adaptive, which "
    "stops asking once that does not help.",
    "preprocess": "Called with each chunk before it is tested and sent.",
    "preprocess_file": "Called with each file before its first chunk.",
    "expect_response": "A regular expression that some response to a file's chunks has to contain.",
    "verify": "Called with each file after its last chunk; what it raises fails the file.",
    "generate_unique_identifier": "What the server knows a file by: safe, resumable_js (to go on "
    "with what a browser began), content, or a function of the file.",
    "source_check": "What tells that a file changed: strict, mtime (its size and time of "
    "writing), or size, for file systems without constant file numbers and times.",
    "when_changed": "What to do with a file that changes while it is uploaded: fail it, or wait "
    "until nobody writes to it and upload it as it is then.",
    "min_age": "How long nobody must have written to a file before it is uploaded; it waits.",
    "links": "What to do with symbolic links in folders: skip, or follow those that lead to "
    "something in the same folder.",
    "keep_completed": "",
    "max_files": "How many files are accepted.",
    "min_file_size": "The smallest file that is accepted; 1 refuses empty ones.",
    "max_file_size": "The largest file that is accepted.",
    "file_type": "Accepted types: extensions and media types, such as jpg,image/*.",
    "max_files_error_callback": "Called with the files that are too many, and how often it was.",
    "min_file_size_error_callback": "Called with each file that is too small.",
    "max_file_size_error_callback": "Called with each file that is too large.",
    "file_type_error_callback": "Called with each file of another type.",
    "max_chunk_retries": "How often a chunk is tried again.",
    "success_statuses": "The statuses that mean that a chunk is stored; by default the dialect's.",
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
    "server": {"metavar": "NAME"},
    "headers": {"name": "headers-from"},
    "query": {"name": "query-from"},
    "proxy": {"secret": True},
    "test_method": {"metavar": "METHOD"},
    "upload_method": {"metavar": "METHOD"},
    "file_type": {"many": True},
    "keep_completed": {
        "metavar": "WHETHER",
        "read": values.yes_or_no,
        "text": "Whether completed files stay on the client's list: yes, or no. [default: yes]",
    },
}

_DEFAULTS: dict[str, Any] = {
    "min_file_size": 0,
    "when_changed": "wait",
    "simultaneous_uploads": "auto",
    "test_chunks": "adaptive",
}
"""
Options that have another default here: who names a folder wants all that is in it, and as fast as
the line is.
"""

_ADDED = (
    Argument(
        "header-file",
        "headers",
        "FILE",
        "A file with headers for each request, one a line as 'Name: value'; it is read again when "
        "it changes, and on 401 and 403. For tokens: a command line can be read by every user of "
        "the machine.",
        HeaderFile,
        many=True,
    ),
    Argument(
        "header-command",
        "headers",
        "COMMAND",
        "A command of the shell that prints such headers; it is run before the first request, and "
        "again on 401 and 403.",
        HeaderCommand,
        many=True,
    ),
    Argument(
        "header-from-env",
        "headers",
        "HEADER",
        "A header whose value is in the environment, as 'Name: VARIABLE'.",
        values.header_from_environment,
        many=True,
    ),
    Argument(
        "header",
        "headers",
        "HEADER",
        "A header for each request, as 'Name: value'. May be given again; for secrets see "
        "--header-file.",
        values.header,
        many=True,
        secret=True,
    ),
    Argument(
        "query",
        "query",
        "PAIR",
        "One more parameter for each request, as name=value. May be given again.",
        values.pair,
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
    default = _DEFAULTS.get(field.name, field.default)
    metavar, read = _KINDS[Options.__annotations__[field.name]]
    if field.name.endswith("_size") and read is values.number:
        metavar, read = "SIZE", values.size
    text = _TEXTS[field.name]
    shown = "" if hasattr(default, "factory") else _shown(default)
    given: dict[str, Any] = {
        "name": field.name.replace("_", "-"),
        "metavar": metavar,
        "read": read,
        "text": text + f" [default: {shown}]" if shown and metavar else text,
    }
    return Argument(option=field.name, **{**given, **_SPECIAL.get(field.name, {})})


ARGUMENTS = (*_ADDED, *(_argument(field) for field in fields(Options)))
"""All arguments."""

GROUPS = {
    "server": "Where to",
    "dialect": "What a request looks like",
    "chunk_size": "Chunks",
    "links": "Which files",
    "max_chunk_retries": "Trouble",
    "throttle_progress_callbacks": "Pace",
}
"""What options are about, by the first one of each group, in the order of the options."""

TARGET = next(argument for argument in ARGUMENTS if argument.option == "target")
"""The one that is always needed."""


def read_options(
    given: Iterable[tuple[Argument, Any]], defaults: Mapping[str, Any] = _DEFAULTS
) -> dict[str, Any]:
    """
    What was typed, as options.

    :param given: arguments, each with its text, or whether a switch was turned on.
    :param defaults: what is the default here and not there, unless the server needs something else.
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
    options = {**unless_needed(defaults, options.get("server")), **options}
    if "target" not in options:
        raise BadArgument("target", None, "is needed: the URL to upload to")
    _check(options)
    if isinstance(options.get("headers"), RenewedHeaders):
        _check({**options, "headers": options["headers"].headers})
    chosen = None if "proxy" in options else proxies(os.environ)
    if chosen is not None:
        options["proxy"] = chosen
        target = options["target"]
        if not callable(target):
            _check({"target": target, "proxy": chosen(target)}, " of the environment")
    return options


def _check(options: dict[str, Any], whose: str = "") -> None:
    try:
        Options(**options)
    except InvalidOption as error:
        name = "header" if error.option == "headers" else error.option.replace("_", "-")
        raise BadArgument(f"{name}{whose}", None, error.complaint)


def _added(argument: Argument, before: Any, value: Any) -> Any:
    """More of something: names as they were given last, whatever their case in headers."""
    if isinstance(value, tuple):
        return (before or ()) + value
    if argument.option != "headers":
        merged = dict(before or {})
        for name in value:
            merged.pop(name, None)
        return {**merged, **value}
    if isinstance(value, (HeaderFile, HeaderCommand)):
        return RenewedHeaders((*(before.sources if before else ()), value), {})
    if isinstance(before, RenewedHeaders):
        return RenewedHeaders(before.sources, joined(before.fixed, value))
    return joined(before or {}, value)
