"""
One attempt at one chunk: test, read, send, judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred, fail

from .._http.body import PIECE, ChunkBody
from .._http.client import Transport
from .._http.response import Reply
from .._policy.limiter import RateLimiter
from .._protocol.dialect import REJECTED, STORED, Verdict, classify
from .._protocol.ranges import parse_ranges
from .._protocol.request import ChunkFacts, FileFacts, RequestEncoder, RequestHead
from .._protocol.template import Template
from .._protocol.url import without_query
from .._source.source import BytesSource
from ..errors import (
    ChunkRejected,
    ConnectFailed,
    InvalidOption,
    Redirected,
    StaleConnection,
    TransportError,
)
from ..options import Options, check_headers, query_pairs
from .chunk import ResumableChunk
from .file import ResumableFile
from .prefetch import AHEAD, Opener

if TYPE_CHECKING:
    from .queue import ChunkQueue

__all__ = ["Delivery", "Plan", "Result"]


class Result(NamedTuple):
    """
    How an attempt ended.

    :ivar verdict: what it means for the chunk.
    :ivar answer: what the server said last.
    :ivar error: the same as an error, unless the chunk is stored.
    :ivar found: whether it was stored before it was sent.
    """

    verdict: Verdict
    answer: Reply
    error: ChunkRejected | None = None
    found: bool = False


class Plan:
    """
    What is remembered about the requests of one file.

    :ivar template: writes them.
    :ivar misses: how many tests in a row were answered "absent".
    :ivar tested: the chunks that need no test before the next attempt.
    :ivar preprocessed: the chunks that were preprocessed.
    :ivar checksum: what the server calls the digest of the whole file, or nothing.
    """

    __slots__ = ("checksum", "digests", "misses", "preprocessed", "template", "tested", "whole")

    def __init__(self, template: Template) -> None:
        self.template = template
        self.misses = 0
        self.whole = False
        self.checksum = ""
        self.tested: set[int] = set()
        self.preprocessed: set[int] = set()
        self.digests: dict[int, str] = {}

    @classmethod
    def of(cls, file: ResumableFile, encoder: RequestEncoder) -> Plan:
        """The plan of a file that has set out."""
        facts = FileFacts(
            file.file_name,
            file.relative_path,
            file.unique_identifier,
            file.type,
            file.size,
            len(file._course.states),
        )
        return cls(Template(encoder, facts))


class Delivery:
    """
    Tests and sends chunks as the options say.
    """

    def __init__(
        self,
        options: Options,
        transport: Transport,
        opener: Opener,
        queue: ChunkQueue,
        limiter: RateLimiter | None,
    ) -> None:
        self._transport = transport
        self._opener = opener
        self._queue = queue
        self._make_body = partial(ChunkBody, read_later=opener.read, limiter=limiter)
        self.use(options)

    def use(self, options: Options) -> None:
        """Go by these options from now on."""
        self._options = options
        self._encoder = options.encoder
        # Hooks are asked for each chunk.
        self._query = None if callable(options.query) else query_pairs(options.query)
        headers: Any = options.headers
        self._headers: Mapping[str, str] | None = None if callable(headers) else headers
        self._stored = options.spoken.stored
        self._permanent = options.permanent
        self._test_permanent = options.spoken.test_permanent
        slots = options.simultaneous_uploads
        self._enough_misses = max(16, 2 * slots if isinstance(slots, int) else 0)
        asked = (options.target, options.query, options.headers, options.preprocess)
        self._plain = not any(map(callable, asked)) and (
            options.checksum is None and options.chunk_format != "base64"
        )

    def attempt(self, file: ResumableFile, offset: int) -> Deferred[Result]:
        """
        Get one chunk onto the server, if it is not there.

        :returns: a Deferred that fires with the verdict: stored, retry, redirected or rejected.
            It fails with a :class:`~txresumable.errors.TransportError` if there was no usable
            answer, with :class:`~txresumable.errors.TLSRejected` if the server cannot be trusted,
            and as the source did if the chunk could not be read.  Cancelling it aborts what is
            under way.
        """
        plan = file._course.plan
        if plan is None:
            plan = file._course.plan = Plan.of(file, self._encoder)
            if file is self._opener.half_way:
                self._opener.open_ahead(self._queue.following(AHEAD))
        ready = self._plain and file._source.is_open and offset not in plan.tested
        if ready and not self._needs_test(plan, offset):
            return self._send(file, offset, plan)
        return Deferred.fromCoroutine(self._attempt(file, offset, plan))

    async def _attempt(self, file: ResumableFile, offset: int, plan: Plan) -> Result:
        options = self._options
        if options.preprocess is not None and offset not in plan.preprocessed:
            await settled(options.preprocess(ResumableChunk(file, offset)))
            plan.preprocessed.add(offset)
        if not file._source.is_open:
            await self._opener.open(file, self._queue.following(AHEAD))
        start, end = file._set_out().layout.range(offset)
        digest = ""
        if options.checksum is not None:
            digest = await self._digest(file, offset, start, end)
        self._still_wanted(file, offset)
        facts = ChunkFacts(offset + 1, end - start, digest)
        if self._needs_test(plan, offset):
            result = await self._test(file, offset, facts)
            if result is not None:
                return result
        return await self._upload(file, offset, facts)

    async def _digest(self, file: ResumableFile, offset: int, start: int, end: int) -> str:
        digests = file._course.plan.digests
        if offset not in digests:
            file._source.check()
            digests[offset] = await self._opener.digest(file._source, start, end)
        return str(digests[offset])

    # Testing -----------------------------------------------------------------------------------

    def _needs_test(self, plan: Plan, offset: int) -> bool:
        mode = self._options.test_chunks
        if not mode or offset in plan.tested:
            return False
        if mode == "adaptive" and offset not in plan.preprocessed:
            return not plan.whole and plan.misses < self._enough_misses
        return True

    async def _test(self, file: ResumableFile, offset: int, facts: ChunkFacts) -> Result | None:
        """A result if the chunk is there or the server has had enough of the file."""
        options, plan = self._options, file._course.plan
        query = self._query
        if query is None:
            query = await self._custom_query(file, offset)
        option, target = "test_target", options.test_target
        if target is None or target == "/":
            option, target = "target", options.target
        if callable(target):
            url = await _given_url(option, target, plan.template.test_pairs(facts, query))
        else:
            url = plan.template.test_url(target, facts, query)
        headers = self._headers
        if headers is None:
            headers = await self._custom_headers(file, offset)
        self._still_wanted(file, offset)
        try:
            answer = await self._transport.exchange(options.test_method, url, headers)
        except ConnectFailed:
            raise
        except TransportError:
            # A test that is not answered says nothing: the chunk is sent, as resumable.js does.
            plan.tested.add(offset)
            return None
        verdict = classify(
            answer.code, stored=self._stored, permanent=self._test_permanent, test=True
        )
        if verdict is STORED:
            plan.digests.pop(offset, None)
            plan.misses = 0
            self._take_whole_answer(file, answer)
            return Result(verdict, answer, found=True)
        plan.tested.add(offset)
        if verdict is REJECTED:
            return Result(verdict, answer, self._error(answer, url, offset))
        plan.misses += 1
        self._take_whole_answer(file, answer)
        return None

    def _take_whole_answer(self, file: ResumableFile, answer: Reply) -> None:
        """What a receiver says of all chunks at once, when tests are to be cheap."""
        if self._options.test_chunks != "adaptive" or self._options.checksum is not None:
            return
        said = answer.header("Resumable-Stored")
        if said is None or file._course.plan.whole:
            return
        file._course.plan.whole = True
        for span in parse_ranges(said, len(file._course.states)):
            for offset in span:
                if not file._unfinished:  # whoever was told has cancelled it
                    return
                if file._is_pending(offset):
                    file.chunks_found += 1
                    file._stored(offset)

    # Sending -----------------------------------------------------------------------------------

    def _send(self, file: ResumableFile, offset: int, plan: Plan) -> Deferred[Result]:
        """The way of nearly every chunk: there is nothing to wait for before its request."""
        method, target = self._options.upload_method, self._options.target
        query, headers = self._query, self._headers
        assert isinstance(target, str) and query is not None and headers is not None
        try:
            start, end = span = file._course.layout.range(offset)
            facts = ChunkFacts(offset + 1, end - start, "")
            head = plan.template.upload(target, facts, query)
            body = self._body(file, offset, span, head)
            posting = self._transport.exchange(method, head.url, headers, head.content_type, body)
        except Exception:
            return fail()
        return posting.addCallback(self._judge, head.url, offset, plan)

    def _judge(self, answer: Reply, url: str, offset: int, plan: Plan) -> Result:
        verdict = classify(answer.code, stored=self._stored, permanent=self._permanent)
        if verdict is STORED:
            if plan.digests:
                plan.digests.pop(offset, None)  # of a million chunks too, nothing is kept
            return Result(verdict, answer)
        plan.tested.add(offset)
        return Result(verdict, answer, self._error(answer, url, offset))

    async def _upload(self, file: ResumableFile, offset: int, facts: ChunkFacts) -> Result:
        options, plan = self._options, file._course.plan
        span = file._set_out().layout.range(offset)
        asked_again = stale = False
        while True:
            query = self._query
            if query is None:
                query = await self._custom_query(file, offset)
            if callable(options.target):
                pairs = plan.template.upload_pairs(facts, query)
                url = await _given_url("target", options.target, pairs)
                head = plan.template.upload_to(url, facts, query)
            else:
                head = plan.template.upload(options.target, facts, query)
            headers = self._headers
            if headers is None:
                headers = await self._custom_headers(file, offset)
            if options.chunk_format == "base64":
                body = await self._encoded_body(file, span, head)
            else:
                body = self._body(file, offset, span, head)
            self._still_wanted(file, offset)
            plan.tested.discard(offset)
            try:
                answer = await self._transport.exchange(
                    options.upload_method,
                    head.url,
                    headers,
                    head.content_type,
                    body,
                    again=not self._needs_test(plan, offset),
                    fresh=stale,
                )
            except StaleConnection:
                if stale or not self._needs_test(plan, offset):
                    raise
                # Closed before it came, or after it was stored: that is what tests are for.
                stale = True
                tested = await self._test(file, offset, facts)
                if tested is not None:
                    return tested
                continue
            if answer.code == 401 and callable(options.headers) and not asked_again:
                asked_again = True  # a token may have run out
                continue
            return self._judge(answer, head.url, offset, plan)

    def _body(
        self, file: ResumableFile, offset: int, span: tuple[int, int], head: RequestHead
    ) -> ChunkBody:
        start, end = span
        progress = None
        if end - start > PIECE:

            def progress(loaded: int) -> None:
                file._progress(offset, loaded)

        return self._make_body(head.head, file._source, start, end, head.tail, progress=progress)

    async def _encoded_body(
        self, file: ResumableFile, span: tuple[int, int], head: RequestHead
    ) -> ChunkBody:
        """A body for a chunk that is not sent as it is: base64."""
        source: Any = file._source
        start, end = span
        data = source.read_now(start, end - start)
        if data is None:
            data = await self._opener.read(source, start, end - start)
        source.check()
        encoded = self._encoder.encode_chunk(data)
        source = BytesSource(file.file_name, encoded)
        return self._make_body(head.head, source, 0, len(encoded), head.tail)

    # Hooks -------------------------------------------------------------------------------------

    async def _custom_query(self, file: ResumableFile, offset: int) -> tuple[tuple[str, str], ...]:
        hook: Any = self._options.query
        return query_pairs(await settled(hook(file, ResumableChunk(file, offset))))

    async def _custom_headers(self, file: ResumableFile, offset: int) -> Mapping[str, str]:
        hook: Any = self._options.headers
        return check_headers(await settled(hook(file, ResumableChunk(file, offset))))

    @staticmethod
    def _still_wanted(file: ResumableFile, offset: int) -> None:
        """Send nothing for a chunk that was cancelled, even if a hook did not mind."""
        if not file._is_uploading(offset):
            raise CancelledError()

    def _error(self, answer: Reply, url: str, offset: int) -> ChunkRejected:
        place = without_query(url)
        if 300 <= answer.code < 400:
            location = without_query(answer.header("Location") or "")
            return Redirected(answer.code, answer.text, place, offset + 1, location)
        return ChunkRejected(answer.code, answer.text, place, offset + 1)


async def _given_url(option: str, target: Any, pairs: list[str]) -> str:
    """What a target that is a function gives, if it can stay on the first line of a request."""
    url = await settled(target(pairs))
    if not isinstance(url, str):
        raise InvalidOption(option, url, "must give URLs as text")
    if not url.isascii() or not url.isprintable() or " " in url:
        shown = without_query(url.partition("?")[0])
        raise InvalidOption(option, shown, "must give URLs that are encoded")
    return url


async def settled(value: Any) -> Any:
    """What a hook returned, or what its Deferred or coroutine came to."""
    return await value if isawaitable(value) else value
