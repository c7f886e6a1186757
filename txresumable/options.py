"""
The options of an uploader: frozen, keyword-only, validated here.

Names are resumable.js's in Python's form; durations are in seconds and sizes in bytes.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Union
from urllib.parse import urlsplit

from attrs import Attribute, evolve, field, frozen
from twisted.internet.defer import Deferred

from ._policy.limiter import RateLimiter, check_rate
from ._protocol.dialect import DIALECTS, Dialect, ParameterNames
from ._protocol.encoding import joinable, js_string
from ._protocol.request import RequestEncoder
from ._protocol.url import without_query
from ._source.identity import CHECKS
from .errors import InvalidOption
from .identifiers import safe
from .retry import RetryPolicy, fixed_interval, full_jitter

if TYPE_CHECKING:
    from .file import ResumableChunk, ResumableFile

__all__ = ["MIB", "Options"]

MIB = 1024 * 1024

Hook = Callable[..., Any]
Maybe = Union[str, Deferred[str], Awaitable[str]]
Target = Union[str, Callable[[list[str]], Maybe]]
Identify = Callable[["ResumableFile"], Maybe]
PerChunk = Union[Mapping[str, object], Callable[["ResumableFile", "ResumableChunk"], Any]]

_Validator = Callable[[Any, "Attribute[Any]", Any], None]
_NO_VALUE = re.compile("[\0\r\n\ud800-\udfff]")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


def _refuse(attribute: Attribute[Any], value: object, reason: str) -> None:
    raise InvalidOption(attribute.name, value, reason)


def _whole(least: int, none: bool = False) -> _Validator:
    def validate(_: object, attribute: Attribute[Any], value: object) -> None:
        if none and value is None:
            return
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            _refuse(attribute, value, f"must be a whole number of at least {least}")

    return validate


def _seconds(least: float = 0.0, none: bool = False) -> _Validator:
    def validate(_: object, attribute: Attribute[Any], value: Any) -> None:
        if none and value is None:
            return
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= least:
            _refuse(attribute, value, f"must be a number of seconds of at least {least:g}")
        if value == float("inf"):
            _refuse(attribute, value, "must be finite")

    return validate


def _one_of(*values: object) -> _Validator:
    def validate(_: object, attribute: Attribute[Any], value: object) -> None:
        for allowed in values:
            if type(value) is type(allowed) and value == allowed:
                return
        _refuse(attribute, value, "must be one of " + ", ".join(map(repr, values)))

    return validate


def _switch(_: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        _refuse(attribute, value, "must be True or False")


def _text(_: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str):
        _refuse(attribute, value, "must be text")


def _method(_: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not _TOKEN.match(value):
        _refuse(attribute, value, "must be an HTTP method")


def _hook(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        _refuse(attribute, value, "must be callable")


def _target(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is None and attribute.name == "test_target":
        return
    if callable(value) or (value == "/" and attribute.name == "test_target"):
        return
    if not isinstance(value, str):
        _refuse(attribute, value, "must be a URL or a function that returns one")
    assert isinstance(value, str)
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        sent = joinable(value)
        usable = usable and sent.isprintable() and " " not in sent
    except ValueError:  # a name that cannot be written in ASCII is one, too
        usable = False
    if not usable or parts.username is not None or any(mark in value for mark in "\r\n\t\0"):
        _refuse(
            attribute,
            without_query(value),
            "must be an http:// or https:// URL with a host and without user name or password",
        )


def _shown_target(target: object) -> str:
    """How a target is shown: what follows the question mark may be a secret."""
    return repr(without_query(target) if isinstance(target, str) else target)


def _per_chunk(_: object, attribute: Attribute[Any], value: object) -> None:
    if callable(value):
        return
    if not isinstance(value, Mapping):
        _refuse(attribute, type(value), "must be a mapping or a function of file and chunk")


def _headers(instance: object, attribute: Attribute[Any], value: Any) -> None:
    _per_chunk(instance, attribute, value)
    if not callable(value):
        check_headers(value, attribute.name)


def check_headers(headers: object, option: str = "headers") -> Mapping[str, str]:
    """
    Refuse headers that cannot be sent as they are.

    :param headers: names to values.
    :param option: what to call them in an error.
    :returns: the same headers.
    :raises InvalidOption: for a name that is no token, a value that holds a line break or is not
        text, and the headers that an HTTP client sets by itself.  The value is not shown: it may
        be a secret.
    """
    if not isinstance(headers, Mapping):
        raise InvalidOption(option, type(headers), "must be a mapping of names to values")
    name: Any
    value: Any
    for name, value in headers.items():
        if not isinstance(name, str) or not _TOKEN.match(name):
            shown = name.partition(":")[0] if isinstance(name, str) else type(name)
            raise InvalidOption(option, shown, "takes header names that are HTTP tokens")
        if name.lower() in ("content-length", "transfer-encoding", "connection", "host"):
            raise InvalidOption(option, name, "cannot set the headers that frame a request")
        if not isinstance(value, str) or _NO_VALUE.search(value):
            raise InvalidOption(
                option, f"that of {name}", "takes header values that are text on one line"
            )
    return headers


def query_pairs(query: object) -> tuple[tuple[str, str], ...]:
    """
    A custom query as text.

    :param query: a mapping; values as :func:`txresumable._protocol.encoding.js_string` takes them.
    :returns: its pairs in order.
    :raises InvalidOption: for anything else.  No value is shown: it may be a secret.
    """
    if not isinstance(query, Mapping):
        raise InvalidOption("query", type(query), "must be a mapping of names to values")
    pairs = []
    for name, value in query.items():
        try:
            pairs.append((js_string(name), js_string(value)))
        except TypeError:
            shown = f"{type(value)} as {name!r}" if isinstance(name, str) else type(name)
            reason = "takes text, numbers, booleans, None and lists of them"
            raise InvalidOption("query", shown, reason) from None
    return tuple(pairs)


def _query(instance: object, attribute: Attribute[Any], value: object) -> None:
    _per_chunk(instance, attribute, value)
    if not callable(value):
        query_pairs(value)


def _statuses(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is None:
        return
    assert isinstance(value, frozenset)
    for status in value:
        if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
            _refuse(attribute, status, "takes HTTP statuses from 100 to 599")


def _to_frozenset(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise InvalidOption("permanent_errors", value, "must be a collection of HTTP statuses")
    return frozenset(value)


def _to_types(value: Any) -> tuple[str, ...]:
    kinds = (value,) if isinstance(value, str) else tuple(value)
    for kind in kinds:
        if not isinstance(kind, str) or not kind.strip():
            raise InvalidOption(
                "file_type", kind, "takes extensions (jpg, .jpg) and types (image/png, image/*)"
            )
    return tuple(kind.strip().lower() for kind in kinds)


@frozen(kw_only=True)
class Options:
    """
    Everything that can be chosen about an uploader.  ``docs/configuration.rst`` has each option's
    meaning; an option's value that cannot be is an
    :class:`~txresumable.errors.InvalidOption` that names both.
    """

    # Where to
    target: Target = field(validator=_target, repr=_shown_target)
    test_target: Target | None = field(default=None, validator=_target, repr=_shown_target)
    test_method: str = field(default="GET", validator=_method)
    upload_method: str = field(default="POST", validator=_method)
    headers: PerChunk = field(factory=dict, validator=_headers, repr=False)
    query: PerChunk = field(factory=dict, validator=_query, repr=False)
    again: bool = field(default=False, validator=_switch)
    with_credentials: bool = field(default=False, validator=_switch)
    insecure_credentials: str = field(default="warn", validator=_one_of("warn", "refuse", "allow"))
    trust_root: Any = None
    client_certificate: Any = field(default=None, repr=False)

    # What a request looks like
    dialect: str = field(default="resumable", validator=_one_of(*DIALECTS))
    method: str = field(default="multipart", validator=_one_of("multipart", "octet"))
    chunk_format: str = field(default="blob", validator=_one_of("blob", "base64"))
    set_chunk_type_from_file: bool = field(default=False, validator=_switch)
    parameter_namespace: str = field(default="", validator=_text)
    chunk_number_parameter_name: str | None = None
    chunk_size_parameter_name: str | None = None
    current_chunk_size_parameter_name: str | None = None
    total_size_parameter_name: str | None = None
    type_parameter_name: str | None = None
    identifier_parameter_name: str | None = None
    file_name_parameter_name: str | None = None
    relative_path_parameter_name: str | None = None
    total_chunks_parameter_name: str | None = None
    file_parameter_name: str | None = None
    checksum: str | None = field(default=None, validator=_one_of(None, "sha256"))

    # Chunks
    chunk_size: int = field(default=MIB, validator=_whole(1))
    force_chunk_size: bool = field(default=False, validator=_switch)
    simultaneous_uploads: int | str = 3
    prioritize_first_and_last_chunk: bool = field(default=False, validator=_switch)
    test_chunks: bool | str = field(default=True, validator=_one_of(True, False, "adaptive"))
    preprocess: Hook | None = field(default=None, validator=_hook)
    preprocess_file: Hook | None = field(default=None, validator=_hook)
    generate_unique_identifier: Identify = field(default=safe, validator=_hook)

    source_check: str = field(default="strict", validator=_one_of(*CHECKS))

    # Which files
    max_files: int | None = field(default=None, validator=_whole(1, none=True))
    min_file_size: int = field(default=1, validator=_whole(0))
    max_file_size: int | None = field(default=None, validator=_whole(0, none=True))
    file_type: tuple[str, ...] = field(default=(), converter=_to_types)
    max_files_error_callback: Hook | None = field(default=None, validator=_hook)
    min_file_size_error_callback: Hook | None = field(default=None, validator=_hook)
    max_file_size_error_callback: Hook | None = field(default=None, validator=_hook)
    file_type_error_callback: Hook | None = field(default=None, validator=_hook)

    # Trouble
    max_chunk_retries: int = field(default=100, validator=_whole(0))
    permanent_errors: frozenset[int] | None = field(
        default=None, converter=_to_frozenset, validator=_statuses
    )
    chunk_retry_interval: float | None = field(default=None, validator=_seconds(none=True))
    retry_policy: RetryPolicy | None = field(default=None, validator=_hook)
    connect_timeout: float = field(default=30.0, validator=_seconds(0.001))
    stall_timeout: float = field(default=60.0, validator=_seconds(0.001))
    chunk_timeout: float | None = field(default=None, validator=_seconds(none=True))
    max_offline: float = field(default=86400.0, validator=_seconds())

    # Progress and pace
    throttle_progress_callbacks: float = field(default=0.5, validator=_seconds())
    max_rate: float | RateLimiter | None = None

    def __attrs_post_init__(self) -> None:
        concurrency = self.simultaneous_uploads
        if concurrency != "auto" and (
            not isinstance(concurrency, int) or isinstance(concurrency, bool) or concurrency < 1
        ):
            raise InvalidOption(
                "simultaneous_uploads",
                concurrency,
                "must be a whole number of at least 1, or 'auto'",
            )
        if self.method == "octet" and self.chunk_format == "base64":
            raise InvalidOption("chunk_format", "base64", "must be 'blob' when method is 'octet'")
        if self.max_file_size is not None and self.max_file_size < self.min_file_size:
            raise InvalidOption(
                "max_file_size", self.max_file_size, f"must be at least {self.min_file_size}"
            )
        for name, value in self._renamed().items():
            if value is not None and not isinstance(value, str):
                raise InvalidOption(f"{name}_parameter_name", value, "must be text")
        if self.file_parameter_name == "":
            raise InvalidOption("file_parameter_name", "", "cannot be empty")
        if self.max_rate is not None and not isinstance(self.max_rate, RateLimiter):
            check_rate(self.max_rate)

    def _renamed(self) -> dict[str, str | None]:
        return {
            "chunk_number": self.chunk_number_parameter_name,
            "chunk_size": self.chunk_size_parameter_name,
            "current_chunk_size": self.current_chunk_size_parameter_name,
            "total_size": self.total_size_parameter_name,
            "type": self.type_parameter_name,
            "identifier": self.identifier_parameter_name,
            "file_name": self.file_name_parameter_name,
            "relative_path": self.relative_path_parameter_name,
            "total_chunks": self.total_chunks_parameter_name,
            "file": self.file_parameter_name,
        }

    @property
    def names(self) -> ParameterNames:
        """The parameter names: the dialect's, but for those that were renamed."""
        renamed = {name: value for name, value in self._renamed().items() if value is not None}
        return evolve(self.spoken.names, **renamed)

    @property
    def spoken(self) -> Dialect:
        """The dialect, as a value."""
        return DIALECTS[self.dialect]

    @property
    def permanent(self) -> frozenset[int]:
        """The statuses of an upload that fail a file."""
        return self.spoken.permanent if self.permanent_errors is None else self.permanent_errors

    @property
    def encoder(self) -> RequestEncoder:
        """How requests are written."""
        return RequestEncoder(
            names=self.names,
            namespace=self.parameter_namespace,
            chunk_size=self.chunk_size,
            octet=self.method == "octet",
            base64=self.chunk_format == "base64",
            type_from_file=self.set_chunk_type_from_file,
            checksum=self.checksum is not None,
            custom_query_first=self.spoken.custom_query_first,
            in_url=self.spoken.in_url,
        )

    @property
    def policy(self) -> RetryPolicy:
        """How long to wait before a chunk is tried again."""
        if self.retry_policy is not None:
            return self.retry_policy
        if self.chunk_retry_interval is not None:
            return fixed_interval(self.chunk_retry_interval)
        return full_jitter()
