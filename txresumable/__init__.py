"""
Fault-tolerant uploads for Twisted: a client for the protocol of resumable.js.
"""

from ._engine.handle import Upload
from ._http.given import Client
from ._policy.limiter import RateLimiter
from ._protocol.dialect import Dialect, ParameterNames
from ._protocol.servers import SERVERS, Server
from ._runtime.observers import Signal
from ._runtime.reactor import Reactor
from ._source.given import BinaryFile, Directory, FileArguments, Source, Sources
from .errors import (
    ChecksumMismatch,
    ChunkRejected,
    ChunkTimeout,
    ConnectFailed,
    ConnectionBroken,
    ConnectTimeout,
    FileRejected,
    FilesFailed,
    HookInterrupted,
    InsecureCredentials,
    InvalidOption,
    MalformedResponse,
    NotAReceiver,
    ProxyRefused,
    ReceivedBefore,
    Redirected,
    ResumableError,
    RetriesExhausted,
    SourceChanged,
    StaleConnection,
    StallTimeout,
    TLSRejected,
    TransportError,
    UnexpectedResponse,
    UploaderClosed,
)
from .file import ResumableChunk, ResumableFile
from .options import ResumableOptions
from .states import ChunkState, FileState
from .uploader import Resumable
from .version import __version__

__all__ = [
    "SERVERS",
    "BinaryFile",
    "ChecksumMismatch",
    "ChunkRejected",
    "ChunkState",
    "ChunkTimeout",
    "Client",
    "ConnectFailed",
    "ConnectTimeout",
    "ConnectionBroken",
    "Dialect",
    "Directory",
    "FileArguments",
    "FileRejected",
    "FileState",
    "FilesFailed",
    "HookInterrupted",
    "InsecureCredentials",
    "InvalidOption",
    "MalformedResponse",
    "NotAReceiver",
    "ParameterNames",
    "ProxyRefused",
    "RateLimiter",
    "Reactor",
    "ReceivedBefore",
    "Redirected",
    "Resumable",
    "ResumableChunk",
    "ResumableError",
    "ResumableFile",
    "ResumableOptions",
    "RetriesExhausted",
    "Server",
    "Signal",
    "Source",
    "SourceChanged",
    "Sources",
    "StaleConnection",
    "StallTimeout",
    "TLSRejected",
    "TransportError",
    "UnexpectedResponse",
    "Upload",
    "UploaderClosed",
    "__version__",
]
