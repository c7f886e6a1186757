"""
Attempts at chunks: test, read, send, judge.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from .._http.client import RequestClient
from .._http.response import Response
from .._policy.limiter import RateLimiter
from .._protocol.dialect import ABSENT, REJECTED, RETRY, STORED, Verdict, classify
from .._protocol.request import ChunkFacts, RequestHead
from .._protocol.template import Template
from .._source.source import BytesSource
from ..errors import (
    ConnectFailed,
    StaleConnection,
    TransportError,
)
from ..file import ResumableChunk
from ..options import Options
from .attempt import Attempt, Result
from .body import PIECE, ChunkBody
from .control import Control
from .lending import Lending
from .listed import take_list
from .plan import Plan
from .prefetch import AHEAD, Prefetcher
from .refusal import is_busy, received_before, refusal
from .request_hooks import RequestHooks
from .turn import Turn

if TYPE_CHECKING:
    from .queue import ChunkQueue

__all__ = ["ChunkSender"]

_UNAUTHORIZED = frozenset((401, 403))
"""What a token that ran out leads to; with signed URLs, it is 403."""


class ChunkSender:
    """
    Tests and sends chunks as the options say.
    """

    def __init__(
        self,
        options: Options,
        turn: Turn,
        client: RequestClient,
        prefetcher: Prefetcher,
        queue: ChunkQueue,
        lending: Lending,
        limiter: RateLimiter | None,
    ) -> None:
        self._turn = turn
        self._client = client
        self._prefetcher = prefetcher
        self._queue = queue
        self._wait = lending.wait
        self._control = Control(turn, lending.wait)
        lending.when_lent = self._control.lent
        self._hooks = RequestHooks(lending.wait)
        self._make_body = partial(ChunkBody, read_later=prefetcher.read, limiter=limiter)
        self.use(options)

    def use(self, options: Options) -> None:
        """Go by these options from now on."""
        self._options = options
        self._encoder = options.encoder
        self._hooks.use(options)
        self._query, self._headers = self._hooks.fixed_query, self._hooks.fixed_headers
        self._stored = options.stored
        self._permanent = options.permanent
        self._test_permanent = options.test_permanent
        slots = options.simultaneous_uploads
        self._tests = bool(options.test_chunks)
        hooks = (options.target, options.query, options.headers)
        self._renewable = any(map(callable, hooks))
        self._one_server = not (callable(options.target) or callable(options.test_target))
        self._enough_misses = max(16, 2 * slots if isinstance(slots, int) else 0)
        self._plain = not any(map(callable, (*hooks, options.preprocess))) and (
            options.checksum is None and options.chunk_format != "base64"
        )

    def send(self, attempt: Attempt) -> Deferred[Result]:
        """
        Get one chunk onto the server, if it is not there.

        :returns: a Deferred that fires with the verdict: stored, retry, redirected or rejected.
            It fails with a :class:`~txresumable.errors.TransportError` if there was no usable
            answer, with :class:`~txresumable.errors.TLSRejected` if the server cannot be trusted,
            and as the source did if the chunk could not be read.  Cancelling it aborts what is
            under way.
        """
        transfer, offset = attempt.transfer, attempt.offset
        plan = attempt.ledger.plan
        if plan is None:
            plan = attempt.ledger.plan = Plan.of(transfer, self._encoder)
            if transfer is self._prefetcher.half_way:
                self._prefetcher.open_ahead(self._queue.following(AHEAD))
        ready = self._plain and transfer.source.is_open and offset not in plan.tested
        tests = self._tests and self._needs_test(plan, offset)
        if ready and not tests and not self._prefetcher.abandoned:
            return self._send(attempt, plan)
        return Deferred.fromCoroutine(self._attempt(attempt, plan))

    async def _attempt(self, attempt: Attempt, plan: Plan) -> Result:
        options, transfer, offset = self._options, attempt.transfer, attempt.offset
        if options.preprocess is not None and offset not in plan.preprocessed:
            await self._wait(attempt, options.preprocess(ResumableChunk(transfer, offset)))
            attempt.check()
            plan.preprocessed.add(offset)
        if not transfer.source.is_open:
            opened = self._prefetcher.open(transfer, self._queue.following(AHEAD))
            await self._wait(attempt, opened)
            attempt.check()
        if self._prefetcher.abandoned:
            await self._wait(attempt, self._prefetcher.returned(transfer.source))
            attempt.check()
        start, end = attempt.ledger.layout.range(offset)
        digest = ""
        if options.checksum is not None:
            digest = await self._digest(attempt, plan, start, end)
            attempt.check()
        facts = ChunkFacts(offset + 1, end - start, digest)
        if self._needs_test(plan, offset):
            result = await self._test(attempt, plan, facts)
            if result is not None:
                return result
        return await self._upload(attempt, plan, facts)

    async def _digest(self, attempt: Attempt, plan: Plan, start: int, end: int) -> str:
        source, offset = attempt.transfer.source, attempt.offset
        if offset not in plan.digests:
            source.check()
            digest = self._prefetcher.lanes.run(source, source.digest, start, end)
            plan.digests[offset] = await self._wait(attempt, digest)
        return plan.digests[offset]

    # Testing -----------------------------------------------------------------------------------

    def _needs_test(self, plan: Plan, offset: int) -> bool:
        mode = self._options.test_chunks
        if not mode or offset in plan.tested:
            return False
        if mode == "adaptive" and offset not in plan.preprocessed:
            return not plan.whole and plan.misses < self._enough_misses
        return True

    async def _test(self, attempt: Attempt, plan: Plan, facts: ChunkFacts) -> Result | None:
        """A result if the chunk is there or the server has had enough of the file."""
        options, offset = self._options, attempt.offset
        while True:
            url = await self._test_url(attempt, plan.template, facts)
            try:
                verdict, answer = await self._ask(attempt, url)
            except ConnectFailed:
                raise
            except TransportError:
                # A test that is not answered says nothing: the chunk is sent, as resumable.js does.
                attempt.check()
                plan.tested.add(offset)
                return None
            attempt.check()
            if answer.code not in _UNAUTHORIZED:
                break
            if not (plan.renews_tests and self._renews(attempt, answer)):
                plan.renews_tests = False  # it is not for want of a token
                break
        if verdict is STORED:
            if not plan.is_believed:
                ask = partial(self._ask_for, attempt, facts)
                passing = self._control.passes(attempt, plan.template, url, options.dialect, ask)
                later = await passing
                if later is not None:
                    return Result(RETRY, later, refusal(later, url, offset, True))
                plan.is_believed = self._one_server
            plan.digests.pop(offset, None)
            plan.misses = 0
            take_list(options, attempt, plan, answer)
            return Result(verdict, answer, found=True)
        if verdict is ABSENT and is_busy(answer):
            return Result(RETRY, answer, refusal(answer, url, offset, True))
        plan.tested.add(offset)
        if verdict is REJECTED or received_before(answer):
            return Result(REJECTED, answer, refusal(answer, url, offset, True))
        plan.misses += 1
        take_list(options, attempt, plan, answer)
        return None

    async def _ask_for(
        self, attempt: Attempt, facts: ChunkFacts, template: Template, other_than: str
    ) -> tuple[Verdict, Response] | None:
        """Test a chunk of another file, if there is another URL for it."""
        try:
            url = await self._test_url(attempt, template, facts)
        except Exception:
            attempt.check()
            return None  # a function of the user's that knows its own files only
        return None if url == other_than else await self._ask(attempt, url)

    async def _test_url(self, attempt: Attempt, template: Template, facts: ChunkFacts) -> str:
        query = self._query
        if query is None:
            query = await self._hooks.query(attempt)
        option, target = "test_target", self._options.test_target
        if target is None or target == "/":
            option, target = "target", self._options.target
        if not callable(target):
            return template.test_url(target, facts, query)
        pairs = template.test_pairs(facts, query)
        return await self._hooks.test_url(attempt, option, target, pairs)

    async def _ask(self, attempt: Attempt, url: str) -> tuple[Verdict, Response]:
        headers = self._headers
        if headers is None:
            headers = await self._hooks.headers(attempt)
        answer = await self._exchange(attempt, self._options.test_method, url, headers)
        permanent = self._test_permanent
        verdict = classify(answer.code, stored=self._stored, permanent=permanent, test=True)
        return verdict, answer

    def _renews(self, attempt: Attempt, answer: Response) -> bool:
        """Whether to call the hooks again, once for a request: a token may have run out."""
        if not self._renewable or attempt.refused is not None:
            return False
        attempt.refused = answer.code
        return True

    # Sending -----------------------------------------------------------------------------------

    def _send(self, attempt: Attempt, plan: Plan) -> Deferred[Result]:
        """The way of nearly every chunk: there is nothing to wait for before its request."""
        method, target = self._options.upload_method, self._options.target
        query, headers, offset = self._query, self._headers, attempt.offset
        assert isinstance(target, str) and query is not None and headers is not None
        start, end = span = attempt.ledger.layout.range(offset)
        facts = ChunkFacts(offset + 1, end - start, "")
        head = plan.template.upload(target, facts, query)
        body = self._body(attempt, span, head)
        posting = self._client.exchange(method, head.url, headers, head.content_type, body)
        return posting.addCallback(self._judge, head.url, offset, plan)

    def _exchange(self, attempt: Attempt, *args: Any, **named: Any) -> Deferred[Response]:
        """A request, which ends before any other begins if its first bytes led to that."""
        attempt.refused = attempt.refused and 0  # its hooks have been called
        asking = attempt.asking = self._turn.alone(self._client.exchange, *args, **named)
        if attempt.cancelled:
            asking.cancel()
        if self._turn.missed:
            self._turn.run()
            if attempt.cancelled:
                asking.cancel()
        return asking

    def _judge(self, answer: Response, url: str, offset: int, plan: Plan) -> Result:
        verdict = classify(answer.code, stored=self._stored, permanent=self._permanent)
        if verdict is STORED:
            if plan.digests:
                plan.digests.pop(offset, None)  # of a million chunks too, nothing is kept
            return Result(verdict, answer)
        plan.tested.add(offset)
        if received_before(answer):
            verdict = REJECTED
        return Result(verdict, answer, refusal(answer, url, offset))

    async def _upload(self, attempt: Attempt, plan: Plan, facts: ChunkFacts) -> Result:
        options, offset = self._options, attempt.offset
        span = attempt.ledger.layout.range(offset)
        stale, attempt.refused = False, None
        while True:
            query = self._query
            if query is None:
                query = await self._hooks.query(attempt)
            if callable(options.target):
                pairs = plan.template.upload_pairs(facts, query)
                url = await self._hooks.upload_url(attempt, pairs)
                head = plan.template.upload_to(url, facts, query)
            else:
                head = plan.template.upload(options.target, facts, query)
            headers = self._headers
            if headers is None:
                headers = await self._hooks.headers(attempt)
            if options.chunk_format == "base64":
                body = await self._encoded_body(attempt, span, head)
                attempt.check()
            else:
                body = self._body(attempt, span, head)
            plan.tested.discard(offset)
            try:
                answer = await self._exchange(
                    attempt,
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
                attempt.check()
                # Closed before it came, or after it was stored: that is what tests are for.
                stale = True
                tested = await self._test(attempt, plan, facts)
                if tested is not None:
                    return tested
                continue
            attempt.check()
            if answer.code in _UNAUTHORIZED and self._renews(attempt, answer):
                continue
            return self._judge(answer, head.url, offset, plan)

    def _body(self, attempt: Attempt, span: tuple[int, int], head: RequestHead) -> ChunkBody:
        start, end = span
        progress = attempt.progress if end - start > PIECE else None
        source = attempt.transfer.source
        return self._make_body(head.head, source, start, end, head.tail, progress=progress)

    async def _encoded_body(
        self, attempt: Attempt, span: tuple[int, int], head: RequestHead
    ) -> ChunkBody:
        """A body for a chunk that is not sent as it is: base64."""
        source: Any = attempt.transfer.source
        start, end = span
        data = source.read_now(start, end - start)
        if data is None:
            reading = self._prefetcher.lanes.run(source, source.read, start, end - start)
            data = await self._wait(attempt, reading)
            attempt.check()
        source.check()
        encoded = self._encoder.encode_chunk(data)
        source = BytesSource(attempt.transfer.file_name, encoded)
        return self._make_body(head.head, source, 0, len(encoded), head.tail)
