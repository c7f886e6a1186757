"""
Uploads as a Twisted service.
"""

from .upload import Report, UploadService

__all__ = ["Report", "UploadService"]
