"""
Watching and controlling a running service: JSON over HTTP, a page, and figures.
"""

from .service import ControlService

__all__ = ["ControlService"]
