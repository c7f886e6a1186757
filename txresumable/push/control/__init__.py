"""
Watching and controlling a running service: JSON over HTTP, a page, and metrics.
"""

from .service import ControlService

__all__ = ["ControlService"]
