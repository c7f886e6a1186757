"""
Where received files are kept.
"""

from .disk import Disk
from .local import Store, entries_of
from .received import ReceivedFile
from .refused import Refused
from .thread import Run, at_once, in_threads

__all__ = ["Disk", "ReceivedFile", "Refused", "Run", "Store", "at_once", "entries_of", "in_threads"]
