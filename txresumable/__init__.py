"""
Fault-tolerant uploads for Twisted: a client for the protocol of resumable.js.
"""

from .chunk import ChunkState, ResumableChunk
from .errors import (
    ChecksumMismatch,
    ChunkRejected,
    ChunkTimeout,
    ConnectFailed,
    ConnectionBroken,
    ConnectTimeout,
    FileRejected,
    FilesFailed,
    InsecureCredentials,
    InvalidOption,
    MalformedReply,
    Redirected,
    ResumableError,
    RetriesExhausted,
    SourceChanged,
    StaleConnection,
    StallTimeout,
    TLSRejected,
    TransportError,
)
from .file import FileState, ResumableFile
from .limiter import RateLimiter
from .observers import Signal
from .options import Options
from .upload import Upload
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
    "InsecureCredentials",
    "InvalidOption",
    "MalformedReply",
    "Options",
    "RateLimiter",
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
    "__version__",
]
