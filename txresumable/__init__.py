"""
Fault-tolerant uploads for Twisted: a client for the protocol of resumable.js.
"""

from ._engine.handle import Upload
from ._policy.limiter import RateLimiter
from ._runtime.observers import Signal
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
    ReceivedBefore,
    Redirected,
    ResumableError,
    RetriesExhausted,
    SourceChanged,
    StaleConnection,
    StallTimeout,
    TLSRejected,
    TransportError,
    UploaderClosed,
)
from .file import ResumableChunk, ResumableFile
from .options import Options
from .states import ChunkState, FileState
from .uploader import Resumable
from .version import __version__

__all__ = [
    "ChecksumMismatch",
    "ChunkRejected",
    "ChunkState",
    "ChunkTimeout",
    "ConnectFailed",
    "ConnectTimeout",
    "ConnectionBroken",
    "FileRejected",
    "FileState",
    "FilesFailed",
    "HookInterrupted",
    "InsecureCredentials",
    "InvalidOption",
    "MalformedResponse",
    "Options",
    "RateLimiter",
    "ReceivedBefore",
    "Redirected",
    "Resumable",
    "ResumableChunk",
    "ResumableError",
    "ResumableFile",
    "RetriesExhausted",
    "Signal",
    "SourceChanged",
    "StaleConnection",
    "StallTimeout",
    "TLSRejected",
    "TransportError",
    "Upload",
    "UploaderClosed",
    "__version__",
]
