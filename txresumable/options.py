"""
The options of an uploader: frozen, keyword-only, validated here.

Names are resumable.js's in Python's form; durations are in seconds and sizes in bytes.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Union

from attrs import asdict, evolve, field, frozen

from . import _validators as validators
from ._policy.limiter import RateLimiter, check_rate
from ._policy.order import ChunkOrder, check_order
from ._protocol.dialect import DIALECTS, Dialect, ParameterNames
from ._protocol.request import RequestEncoder
from ._protocol.servers import SERVERS, needed_by
from ._source.changes import CHECKS
from .errors import InvalidOption
from .identifiers import safe
from .retry import RetryPolicy, fixed_interval, full_jitter

if TYPE_CHECKING:
    from twisted.internet.ssl import PrivateCertificate
    from typing_extensions import Unpack

    from .file import ResumableChunk, ResumableFile

__all__ = ["MIB", "Options", "Query", "ResumableOptions", "Target"]

MIB = 1024 * 1024

# A Deferred is an Awaitable; what hooks return is looked at when they have returned it.
Text = Union[str, Awaitable[str]]
Target = Union[str, Callable[[list[str]], Text]]
Identify = Callable[["ResumableFile"], Text]
Headers = Mapping[str, str]
PerChunkHeaders = Union[
    Headers, Callable[["ResumableFile", "ResumableChunk"], Union[Headers, Awaitable[Headers]]]
]
Plain = Union[str, int, float, bool, None]
Parameters = Mapping[str, Union[Plain, Sequence[Plain]]]
Query = Union[
    Parameters,
    Callable[["ResumableFile", "ResumableChunk"], Union[Parameters, Awaitable[Parameters]]],
]
ChunkHook = Callable[["ResumableChunk"], object]
FileHook = Callable[["ResumableFile"], object]
Expected = Union[re.Pattern[str], FileHook]
OneRefused = Callable[["ResumableFile", int], object]
ManyRefused = Callable[[list["ResumableFile"], int], object]
ProxyFor = Union[str, Callable[[str], Union[str, None]]]
Insecure = Literal["warn", "refuse", "allow"]
DialectName = Literal["resumable", "flow", "simple"]
Method = Literal["multipart", "octet"]
ChunkFormat = Literal["blob", "base64"]
Check = Literal["strict", "mtime", "size"]
Links = Literal["skip", "follow"]
WhenChanged = Literal["fail", "wait"]


@frozen(kw_only=True)
class Options:
    """
    Everything that can be chosen about an uploader.  ``docs/configuration.rst`` has each option's
    meaning; an option's value that cannot be is an
    :class:`~txresumable.errors.InvalidOption` that names both.
    """

    server: str | None = field(default=None, validator=validators.one_of(None, *SERVERS))

    # Where to
    target: Target = field(validator=validators.target, repr=validators.shown_target)
    test_target: Target | None = field(
        default=None, validator=validators.target, repr=validators.shown_target
    )
    test_method: str = field(default="GET", validator=validators.method)
    upload_method: str = field(default="POST", validator=validators.method)
    headers: PerChunkHeaders = field(factory=dict, validator=validators.headers, repr=False)
    query: Query = field(factory=dict, validator=validators.query, repr=False)
    again: bool = field(default=False, validator=validators.switch)
    with_credentials: bool = field(default=False, validator=validators.switch)
    insecure_credentials: Insecure = field(
        default="warn", validator=validators.one_of("warn", "refuse", "allow")
    )
    # Any: an IOpenSSLTrustRoot, and which classes implement that not every type checker knows.
    trust_root: Any = None
    client_certificate: PrivateCertificate | None = field(default=None, repr=False)
    proxy: ProxyFor | None = field(default=None, validator=validators.proxy, repr=False)

    # What a request looks like
    dialect: DialectName = field(default="resumable", validator=validators.one_of(*DIALECTS))
    method: Method = field(default="multipart", validator=validators.one_of("multipart", "octet"))
    chunk_format: ChunkFormat = field(default="blob", validator=validators.one_of("blob", "base64"))
    set_chunk_type_from_file: bool | None = field(default=None, validator=validators.maybe)
    parameter_namespace: str = field(default="", validator=validators.text)
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
    checksum: Literal["sha256"] | None = field(
        default=None, validator=validators.one_of(None, "sha256")
    )

    # Chunks
    chunk_size: int = field(default=MIB, validator=validators.whole(1))
    force_chunk_size: bool = field(default=False, validator=validators.switch)
    simultaneous_uploads: int | Literal["auto"] = field(default=3, validator=validators.slots)
    max_simultaneous_uploads: int = field(default=32, validator=validators.whole(1))
    simultaneous_tests: int | Literal["auto"] | None = field(
        default=None, validator=validators.slots_or_none
    )
    lend_slots: bool | None = field(default=None, validator=validators.maybe)
    in_order: bool | None = field(default=None, validator=validators.maybe)
    last_chunk_alone: bool | None = field(default=None, validator=validators.maybe)
    prioritize_first_and_last_chunk: bool = field(default=False, validator=validators.switch)
    small_files_first: bool = field(default=False, validator=validators.switch)
    test_chunks: bool | Literal["adaptive"] = field(
        default=True, validator=validators.one_of(True, False, "adaptive")
    )
    preprocess: ChunkHook | None = field(default=None, validator=validators.hook)
    preprocess_file: FileHook | None = field(default=None, validator=validators.hook)
    expect_response: Expected | None = field(default=None, converter=validators.to_expected)
    verify: FileHook | None = field(default=None, validator=validators.hook)
    generate_unique_identifier: Identify = field(default=safe, validator=validators.hook)
    source_check: Check = field(default="strict", validator=validators.one_of(*CHECKS))
    when_changed: WhenChanged = field(default="fail", validator=validators.one_of("fail", "wait"))
    min_age: float = field(default=0.0, validator=validators.seconds())

    # Which files
    links: Links = field(default="skip", validator=validators.one_of("skip", "follow"))
    keep_completed: bool = field(default=True, validator=validators.switch)
    max_files: int | None = field(default=None, validator=validators.whole(1, none=True))
    min_file_size: int = field(default=1, validator=validators.whole(0))
    max_file_size: int | None = field(default=None, validator=validators.whole(0, none=True))
    file_type: tuple[str, ...] = field(default=(), converter=validators.to_types)
    max_files_error_callback: ManyRefused | None = field(default=None, validator=validators.hook)
    min_file_size_error_callback: OneRefused | None = field(default=None, validator=validators.hook)
    max_file_size_error_callback: OneRefused | None = field(default=None, validator=validators.hook)
    file_type_error_callback: OneRefused | None = field(default=None, validator=validators.hook)

    # Trouble
    max_chunk_retries: int = field(default=100, validator=validators.whole(0))
    success_statuses: frozenset[int] | None = field(
        default=None, converter=validators.to_statuses, validator=validators.success
    )
    permanent_errors: frozenset[int] | None = field(
        default=None, converter=validators.to_statuses, validator=validators.statuses
    )
    chunk_retry_interval: float | None = field(
        default=None, validator=validators.seconds(none=True)
    )
    retry_policy: RetryPolicy | None = field(default=None, validator=validators.hook)
    connect_timeout: float = field(default=30.0, validator=validators.seconds(0.001))
    stall_timeout: float = field(default=60.0, validator=validators.seconds(0.001))
    chunk_timeout: float | None = field(default=None, validator=validators.seconds(none=True))
    max_offline: float = field(default=86400.0, validator=validators.seconds())

    # Progress and pace
    throttle_progress_callbacks: float = field(default=0.5, validator=validators.seconds())
    max_rate: float | RateLimiter | None = None

    def __init__(self, *, target: Target, **given: Unpack[ResumableOptions]) -> None:
        needed = needed_by(given.get("server"))
        try:
            self.__attrs_init__(target=target, **{**needed, **given})  # type: ignore[attr-defined]
        except InvalidOption as error:
            if error.option in needed and error.option not in given:
                error.reason += f": it is set by server={given.get('server')!r}"
            raise

    def __attrs_post_init__(self) -> None:
        check_order(self.prioritize_first_and_last_chunk, self.in_order, self.last_chunk_alone)
        if self.method == "octet" and self.chunk_format == "base64":
            raise InvalidOption("chunk_format", "base64", "cannot go with method='octet'")
        if self.retry_policy is not None and self.chunk_retry_interval is not None:
            reason = "cannot go with retry_policy"
            raise InvalidOption("chunk_retry_interval", self.chunk_retry_interval, reason)
        if self.test_target is not None and not self.test_chunks:
            shown = validators.shown_target(self.test_target)
            raise InvalidOption("test_target", shown, "cannot go with test_chunks=False")
        if self.max_file_size is not None and self.max_file_size < self.min_file_size:
            reason = f"must be at least {self.min_file_size}"
            raise InvalidOption("max_file_size", self.max_file_size, reason)
        for name, value in self._renamed().items():
            if value is not None and not isinstance(value, str):
                raise InvalidOption(f"{name}_parameter_name", value, "must be text")
        if self.file_parameter_name == "":
            raise InvalidOption("file_parameter_name", "", "must be text that is not empty")
        if self.max_rate is not None and not isinstance(self.max_rate, RateLimiter):
            check_rate(self.max_rate)

    def _renamed(self) -> dict[str, str | None]:
        names = [name for name in asdict(ParameterNames()) if name != "checksum"]
        return {name: getattr(self, f"{name}_parameter_name") for name in names}

    @property
    def shown_target(self) -> str:
        """The target, without what may be a secret."""
        return validators.shown_target(self.target)

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
    def stored(self) -> frozenset[int]:
        """The statuses that mean that a chunk is on the server."""
        return self.spoken.stored if self.success_statuses is None else self.success_statuses

    @property
    def permanent(self) -> frozenset[int]:
        """The statuses of an upload that fail a file."""
        return self.spoken.permanent if self.permanent_errors is None else self.permanent_errors

    @property
    def test_permanent(self) -> frozenset[int]:
        """The statuses of a test that fail a file."""
        return self.permanent if self.spoken.tests_fail else frozenset()

    @property
    def order(self) -> ChunkOrder:
        """In which order the chunks of a file begin."""
        if self.prioritize_first_and_last_chunk:
            return ChunkOrder.ENDS_FIRST
        if self.in_order or (self.in_order is None and self.simultaneous_uploads == 1):
            return ChunkOrder.IN_ORDER
        alone = self.last_chunk_alone is not False
        return ChunkOrder.LAST_ALONE if alone else ChunkOrder.LOWEST_FIRST

    @property
    def encoder(self) -> RequestEncoder:
        """How requests are written."""
        spoken, octet, typed = self.spoken, self.method == "octet", self.set_chunk_type_from_file
        if typed is None or (octet and not spoken.type_from_file):
            typed = spoken.type_from_file  # resumable.js sets the type of a bare chunk itself
        return RequestEncoder(
            names=self.names,
            namespace=self.parameter_namespace,
            chunk_size=self.chunk_size,
            octet=octet,
            base64=self.chunk_format == "base64",
            type_from_file=typed,
            checksum=self.checksum is not None,
            tests_merged=spoken.tests_merged,
            custom_query_first=spoken.custom_query_first,
            in_url=spoken.in_url,
        )

    @property
    def policy(self) -> RetryPolicy:
        """How long to wait before a chunk is tried again."""
        if self.retry_policy is not None:
            return self.retry_policy
        if self.chunk_retry_interval is not None:
            return fixed_interval(self.chunk_retry_interval)
        return full_jitter()


class ResumableOptions(TypedDict, total=False):
    """
    The options as arguments, for type checkers: those of :class:`Options` but for ``target``.
    """

    server: str | None
    test_target: Target | None
    test_method: str
    upload_method: str
    headers: PerChunkHeaders
    query: Query
    again: bool
    with_credentials: bool
    insecure_credentials: Insecure
    trust_root: Any
    client_certificate: PrivateCertificate | None
    proxy: ProxyFor | None
    dialect: DialectName
    method: Method
    chunk_format: ChunkFormat
    set_chunk_type_from_file: bool | None
    parameter_namespace: str
    chunk_number_parameter_name: str | None
    chunk_size_parameter_name: str | None
    current_chunk_size_parameter_name: str | None
    total_size_parameter_name: str | None
    type_parameter_name: str | None
    identifier_parameter_name: str | None
    file_name_parameter_name: str | None
    relative_path_parameter_name: str | None
    total_chunks_parameter_name: str | None
    file_parameter_name: str | None
    checksum: Literal["sha256"] | None
    chunk_size: int
    force_chunk_size: bool
    simultaneous_uploads: int | Literal["auto"]
    max_simultaneous_uploads: int
    simultaneous_tests: int | Literal["auto"] | None
    lend_slots: bool | None
    in_order: bool | None
    last_chunk_alone: bool | None
    prioritize_first_and_last_chunk: bool
    small_files_first: bool
    test_chunks: bool | Literal["adaptive"]
    preprocess: ChunkHook | None
    preprocess_file: FileHook | None
    expect_response: str | Expected | None
    verify: FileHook | None
    generate_unique_identifier: Identify
    source_check: Check
    when_changed: WhenChanged
    min_age: float
    links: Links
    keep_completed: bool
    max_files: int | None
    min_file_size: int
    max_file_size: int | None
    file_type: str | Iterable[str]
    max_files_error_callback: ManyRefused | None
    min_file_size_error_callback: OneRefused | None
    max_file_size_error_callback: OneRefused | None
    file_type_error_callback: OneRefused | None
    max_chunk_retries: int
    success_statuses: Iterable[int] | None
    permanent_errors: Iterable[int] | None
    chunk_retry_interval: float | None
    retry_policy: RetryPolicy | None
    connect_timeout: float
    stall_timeout: float
    chunk_timeout: float | None
    max_offline: float
    throttle_progress_callbacks: float
    max_rate: float | RateLimiter | None
