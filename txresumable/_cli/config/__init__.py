"""
The configuration file of watched folders.
"""

from .errors import BadConfig
from .load import control_of, load

__all__ = ["BadConfig", "control_of", "load"]
