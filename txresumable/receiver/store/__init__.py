"""
Where received files are kept.
"""

from .announced import AnnouncedFile
from .chunk import Chunk
from .disk import Disk
from .interface import Entry, UploadStore
from .local import Store
from .received import ReceivedFile
from .refused import Refused
from .thread import Run, at_once, in_threads
from .writer import ChunkSink

__all__ = [
    "AnnouncedFile",
    "Chunk",
    "ChunkSink",
    "Disk",
    "Entry",
    "ReceivedFile",
    "Refused",
    "Run",
    "Store",
    "UploadStore",
    "at_once",
    "in_threads",
]
