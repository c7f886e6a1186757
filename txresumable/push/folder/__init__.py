"""
Watched folders: what lies in them, and when it is complete.
"""

from ..patterns import Patterns
from .folder import WatchedFolder
from .places import check_folder

__all__ = ["Patterns", "WatchedFolder", "check_folder"]
