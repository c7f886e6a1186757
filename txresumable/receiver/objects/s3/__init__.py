"""
Object storage that speaks S3; needs the ``s3`` extra.
"""

from .client import S3Objects

__all__ = ["S3Objects"]
