"""
Requests that say, and prove, who sends them: AWS Signature Version 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Signer"]


class Signer:
    """
    Signs requests by botocore.

    Bodies are not signed: what comes between is TLS's to keep out, and damage is found by the
    digest that goes with each.

    :param origin: scheme, host and port of all requests.
    :param host: what they say in ``Host``.
    :param region: as the storage calls it.
    """

    def __init__(self, origin: str, host: str, region: str) -> None:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.config import Config

        self._sign = S3SigV4Auth
        self._request = AWSRequest
        self._context = {"client_config": Config(s3={"payload_signing_enabled": False})}
        self._origin = origin
        self._host = host
        self._region = region

    def sign(
        self, method: str, path: str, query: str, headers: Mapping[str, str], credentials: Any
    ) -> bytes:
        """
        Sign a request.

        :param path: as it is sent.
        :param query: likewise, in order.
        :param headers: all that are to be sent besides ``Host``.
        :param credentials: who sends it.
        :returns: the lines of its header fields, without ``Host``.
        """
        url = f"{self._origin}{path}?{query}" if query else f"{self._origin}{path}"
        request = self._request(method, url, headers={**headers, "Host": self._host})
        request.context.update(self._context)
        self._sign(credentials, "s3", self._region).add_auth(request)
        lines = "".join(
            f"{name}: {value}\r\n" for name, value in request.headers.items() if name != "Host"
        )
        return lines.encode("ascii")
