"""
Attempts at chunks: tested if need be, read, sent and judged.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .._http.client import RequestClient
from .._http.response import Response
from .._policy.limiter import RateLimiter
from .._protocol.dialect import REJECTED, STORED, classify
from .._protocol.request import ChunkFacts, RequestHead
from .._source.source import BytesSource
from ..errors import StaleConnection
from ..file import ResumableChunk
from ..options import Options
from .attempt import Attempt, Result
from .body import PIECE, ChunkBody
from .breadth import Breadth
from .chunk_tester import ChunkTester
from .lending import Lending
from .plan import Plan
from .prefetch import AHEAD, Prefetcher
from .refusal import received_before, refusal
from .request_hooks import UNAUTHORIZED, RequestHooks
from .transfer import Transfer
from .turn import Turn

if TYPE_CHECKING:
    from .queue import ChunkQueue

__all__ = ["ChunkSender"]


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
        breadth: Breadth,
    ) -> None:
        self._turn = turn
        self._client = client
        self._prefetcher = prefetcher
        self._queue = queue
        self._wait = lending.wait
        self._slots = breadth.slots
        self._take_slot = lending.take_slot
        self._hooks = RequestHooks(lending.wait)
        self._tester = ChunkTester(turn, client, self._hooks, lending, breadth)
        self._limiter = limiter
        self.use(options)

    def use(self, options: Options) -> None:
        """Go by these options from now on."""
        self._options = options
        self._encoder = options.encoder
        self._hooks.use(options)
        self._tester.use(options)
        self._query, self._headers = self._hooks.fixed_query, self._hooks.fixed_headers
        self._stored = options.stored
        self._permanent = options.permanent
        self._tests = bool(options.test_chunks)
        self._plain = not (self._hooks.is_any or callable(options.preprocess)) and (
            options.checksum is None and options.chunk_format != "base64"
        )

    def _make_plan(self, transfer: Transfer) -> Plan:
        plan = transfer.ledger.plan = Plan.of(transfer, self._encoder)
        if transfer is self._prefetcher.refill_at:
            self._prefetcher.open_ahead(self._queue.following(AHEAD))
        return plan

    def tests_first(self, transfer: Transfer, offset: int) -> bool:
        """
        Whether a chunk is to be tested before it is sent.

        :param transfer: its file.
        :param offset: which chunk, counted from 0.
        """
        plan = transfer.ledger.plan or self._make_plan(transfer)
        return self._tester.needs_test(plan, offset)

    def send(self, attempt: Attempt) -> Deferred[None]:
        """
        Get one chunk onto the server, if it is not there.

        :returns: a Deferred that fires when the attempt's listener was notified of what came of it.
            Cancelling it aborts what is under way.
        """
        transfer, offset = attempt.transfer, attempt.offset
        plan = attempt.ledger.plan
        if plan is None:
            plan = self._make_plan(transfer)
        if self._plain and transfer.source.is_open and not self._prefetcher.abandoned:
            if not (self._tests or plan.insists) or not self._tester.needs_test(plan, offset):
                if offset not in plan.tested:
                    return self._send(attempt, plan)
            elif self._tester.is_plain:
                start, end = attempt.ledger.layout.range(offset)
                facts = ChunkFacts(offset + 1, end - start)
                return self._tester.ask(attempt, plan, facts, self._upload)
        return attempt.report(self._attempt(attempt, plan))

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
        if self._tester.needs_test(plan, offset):
            result = await self._tester.test(attempt, plan, facts)
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

    # Sending -----------------------------------------------------------------------------------

    def _send(self, attempt: Attempt, plan: Plan) -> Deferred[None]:
        """The way of nearly every chunk: there is nothing to wait for before its request."""
        method, target = self._options.upload_method, self._options.target
        query, headers, offset = self._query, self._headers, attempt.offset
        assert isinstance(target, str) and query is not None and headers is not None
        start, end = span = attempt.ledger.layout.range(offset)
        facts = ChunkFacts(offset + 1, end - start, "")
        head = plan.template.upload(target, facts, query)
        body = self._body(attempt, span, head)
        return self._client.exchange(
            method,
            head.url,
            headers,
            head.content_type,
            body,
            then=partial(self._responded, attempt, plan, head.url),
            otherwise=attempt.failed,
        )

    def _responded(self, attempt: Attempt, plan: Plan, url: str, answer: Response) -> None:
        try:
            result = self._judge(url, attempt.offset, plan, answer)
        except BaseException:  # as a Deferred does
            attempt.failed(Failure())
        else:
            attempt.listener.delivered(attempt, result)

    def _judge(self, url: str, offset: int, plan: Plan, answer: Response) -> Result:
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
        if attempt.slots is not self._slots:
            await self._take_slot(attempt)
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
                answer = await attempt.ask(
                    self._turn,
                    self._client.exchange,
                    options.upload_method,
                    head.url,
                    headers,
                    head.content_type,
                    body,
                    again=not self._tester.needs_test(plan, offset),
                    fresh=stale,
                )
            except StaleConnection:
                if stale or not self._tester.needs_test(plan, offset):
                    raise
                attempt.check()
                # Closed before it came, or after it was stored: that is what tests are for.
                stale = True
                tested = await self._tester.test(attempt, plan, facts)
                if tested is not None:
                    return tested
                continue
            attempt.check()
            if answer.code in UNAUTHORIZED and self._hooks.renew(attempt, answer.code):
                continue
            return self._judge(head.url, offset, plan, answer)

    def _body(self, attempt: Attempt, span: tuple[int, int], head: RequestHead) -> ChunkBody:
        start, end = span
        progress = attempt.progress if end - start > PIECE else None
        source = attempt.transfer.source
        read, limiter = self._prefetcher.read, self._limiter
        return ChunkBody(head.head, source, start, end, head.tail, read, progress, limiter)

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
        read, limiter = self._prefetcher.read, self._limiter
        return ChunkBody(head.head, source, 0, len(encoded), head.tail, read, None, limiter)
