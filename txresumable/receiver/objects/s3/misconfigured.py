"""
Credentials that waiting does not bring.
"""

from __future__ import annotations

import os

__all__ = ["files_read", "is_mistake", "looked_for"]

_COMMAND = "custom-process"
"""What botocore calls ``credential_process``."""
_FILES = (
    ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    ("AWS_CONFIG_FILE", "~/.aws/config"),
)
_REFUSALS = (
    "AccessDenied",
    "AccessDeniedException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "ValidationError",
)


def is_mistake(error: Exception) -> bool:
    """
    Whether credentials cannot be had because of how that is configured: a file or a profile that
    cannot be read, a command that fails, a role that is refused.  A service of the network that is
    away, or fails, is none.
    """
    from botocore.exceptions import (
        ClientError,
        ConnectionError,
        CredentialRetrievalError,
        HTTPClientError,
        MetadataRetrievalError,
    )

    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") in _REFUSALS
    if isinstance(error, CredentialRetrievalError):
        return bool(error.kwargs.get("provider") == _COMMAND)
    if isinstance(error, RuntimeError):  # what was renewed has ended already
        return False
    passing = (ConnectionError, HTTPClientError, MetadataRetrievalError, TimeoutError)
    return not isinstance(error, passing)


def files_read() -> str:
    """Which files botocore reads."""
    return " and ".join(os.environ.get(name) or default for name, default in _FILES)


def looked_for() -> str:
    """Where botocore has looked for credentials in vain."""
    profile = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"
    return (
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, "
        f"nor any for the profile {profile!r} in {files_read()}, "
        "nor a service of a container or an instance that has some"
    )
