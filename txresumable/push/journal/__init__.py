"""
The journal of watched folders.
"""

from .journal import Journal
from .observation import Observation

__all__ = ["Journal", "Observation"]
