"""
What functions of the user's say about a request: its headers, its query, its URL.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .._protocol.encoding import joinable
from .._validators import check_headers, query_pairs
from ..file import ResumableChunk
from ..options import Options
from .attempt import Attempt
from .refusal import checked_url

__all__ = ["UNAUTHORIZED", "RequestHooks"]

UNAUTHORIZED = frozenset((401, 403))
"""What a token that ran out leads to; with signed URLs, it is 403."""

_AGAIN: dict[str, str] = {"Resumable-Again": "1"}


class RequestHooks:
    """
    The options ``headers``, ``query``, ``target`` and ``test_target`` for each request.

    :ivar fixed_query: the query, if no function is asked for it.
    :ivar fixed_headers: the headers, if no function is asked for them.
    :ivar is_any: whether a function is asked for anything of an upload.
    :param wait: waits for what hooks return (``Lending.wait``).
    """

    def __init__(self, wait: Callable[[Attempt, Any], Awaitable[Any]]) -> None:
        self._wait = wait

    def use(self, options: Options) -> None:
        """Go by these options from now on."""
        self._options = options
        self.is_any = any(map(callable, (options.target, options.query, options.headers)))
        query: Any = options.query
        headers: Any = options.headers
        self.fixed_query = None if callable(query) else query_pairs(query)
        self.fixed_headers: Mapping[str, str] | None = (
            None if callable(headers) else self._with_again(headers)
        )

    def renew(self, attempt: Attempt, status: int) -> bool:
        """Whether to call them again, once for a request: a token may have run out."""
        if not self.is_any or attempt.refused is not None:
            return False
        attempt.refused = status
        return True

    async def query(self, attempt: Attempt) -> tuple[tuple[str, str], ...]:
        """Ask for the query of a chunk's request."""
        return query_pairs(await self._ask(attempt, self._options.query))

    async def headers(self, attempt: Attempt) -> Mapping[str, str]:
        """Ask for the headers of a chunk's request."""
        return self._with_again(check_headers(await self._ask(attempt, self._options.headers)))

    async def test_url(self, attempt: Attempt, option: str, target: Any, pairs: list[str]) -> str:
        """Ask for the URL of a test with these parameters."""
        url = await self._url(attempt, option, target, pairs)
        return self._joined(url, pairs) if self._options.spoken.appended else url

    async def upload_url(self, attempt: Attempt, pairs: list[str]) -> str:
        """Ask for the URL of an upload with these parameters."""
        url = await self._url(attempt, "target", self._options.target, pairs)
        appended = self._options.spoken.appended and self._options.method == "octet"
        return self._joined(url, pairs) if appended else url

    async def _url(self, attempt: Attempt, option: str, target: Any, pairs: list[str]) -> str:
        url = checked_url(option, await self._wait(attempt, target(pairs)))
        attempt.check()
        return url

    def _joined(self, url: str, pairs: list[str]) -> str:
        return joinable(url) + "&".join(pairs)

    async def _ask(self, attempt: Attempt, hook: Any) -> Any:
        chunk = ResumableChunk(attempt.transfer, attempt.offset, attempt.refused or 0)
        said = await self._wait(attempt, hook(attempt.transfer.file, chunk))
        attempt.check()
        return said

    def _with_again(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        # A view: the user's own mapping may change.
        view: Any = headers
        return ChainMap(_AGAIN, view) if self._options.again else headers
