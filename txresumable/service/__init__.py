"""
Uploads as a Twisted service.
"""

from .report import Report
from .upload import UploadService

__all__ = ["Report", "UploadService"]
