"""
Whether chunks are on the server already: which are asked for, and what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .._http.client import RequestClient
from .._http.response import Response
from .._protocol.dialect import ABSENT, REJECTED, RETRY, STORED, Verdict, classify
from .._protocol.request import ChunkFacts
from .._protocol.template import Template
from ..errors import ConnectFailed, TransportError
from ..options import Options
from .attempt import Attempt, Result
from .breadth import Breadth
from .control import Control
from .lending import Lending
from .listed import take_list
from .misses import Misses
from .plan import Plan
from .refusal import is_busy, received_before, refusal
from .request_hooks import UNAUTHORIZED, RequestHooks
from .turn import Turn

__all__ = ["ChunkTester"]

Pairs = tuple[tuple[str, str], ...]
Send = Callable[[Attempt, Plan, ChunkFacts], "Coroutine[Deferred[Any], Any, Result]"]


def _says_nothing(error: BaseException | None) -> bool:
    """
    Whether a test has failed in a way that leaves open whether the chunk is there: then it is sent,
    as resumable.js does.
    """
    return isinstance(error, TransportError) and not isinstance(error, ConnectFailed)


class ChunkTester:
    """
    Tests chunks as the options say.

    A server that claims to have a chunk is first asked for one that it cannot have.  Unless that is
    to be done, or a function of the user's has to be asked for the request, there is nothing to
    wait for but the response.

    :param turn: runs when the state is settled.
    :param client: sends the requests.
    :param hooks: what functions of the user's say about them.
    :param lending: lends the slots of those that wait.
    :param breadth: is notified of how long tests take.
    :ivar is_plain: whether no function has to be asked for a request: see :meth:`ask`.
    """

    is_plain: bool

    def __init__(
        self,
        turn: Turn,
        client: RequestClient,
        hooks: RequestHooks,
        lending: Lending,
        breadth: Breadth,
    ) -> None:
        self._turn = turn
        self._client = client
        self._hooks = hooks
        self._control = Control(turn, lending.wait)
        lending.when_lent = self._control.lent
        self._misses = Misses()
        self._breadth = breadth

    def use(self, options: Options) -> None:
        """Go by these options, and by what the hooks were told of them, from now on."""
        self._options = options
        self._query, self._headers = self._hooks.fixed_query, self._hooks.fixed_headers
        self._stored = options.stored
        self._permanent = options.test_permanent
        slots = options.simultaneous_uploads
        self._misses.enough = max(16, 2 * slots if isinstance(slots, int) else 0)
        self._one_server = not (callable(options.target) or callable(options.test_target))
        self.is_plain = self._one_server and None not in (self._query, self._headers)
        target = options.test_target
        own = target is not None and target != "/"
        self._option = "test_target" if own else "target"
        self._target: Any = target if own else options.target

    def needs_test(self, plan: Plan, offset: int) -> bool:
        """Whether a chunk is to be tested before it is sent."""
        mode = self._options.test_chunks
        if not (mode or plan.insists) or offset in plan.tested:
            return False
        if plan.insists:
            return not plan.whole
        if mode == "adaptive" and offset not in plan.preprocessed:
            return not plan.whole and self._misses.are_few(plan, offset)
        return True

    def ask(self, attempt: Attempt, plan: Plan, facts: ChunkFacts, send: Send) -> Deferred[None]:
        """
        Test a chunk, if tests are plain, and have it sent unless the server has it.

        :param send: sends it, given the other three.
        :returns: a Deferred that fires when the attempt's listener was notified of what came of it.
        """
        query, headers, target = self._query, self._headers, self._target
        assert query is not None and headers is not None
        url = plan.template.test_url(target, facts, query)
        return self._client.exchange(
            self._options.test_method,
            url,
            headers,
            then=partial(self._heard_or_send, attempt, plan, facts, send, url),
            otherwise=partial(self._unheard, attempt, plan, facts, send),
        )

    def _heard_or_send(
        self,
        attempt: Attempt,
        plan: Plan,
        facts: ChunkFacts,
        send: Send,
        url: str,
        answer: Response,
    ) -> Deferred[None] | None:
        verdict = self._verdict(answer)
        if verdict is STORED and not plan.is_believed:
            return attempt.report(self._doubt(attempt, plan, facts, send, url, answer))
        try:
            result = self._heard(verdict, answer, attempt, plan, url)
        except BaseException:  # as a Deferred does
            attempt.failed(Failure())
            return None
        if result is None:
            return attempt.report(send(attempt, plan, facts))
        attempt.succeeded(result)
        return None

    def _unheard(
        self,
        attempt: Attempt,
        plan: Plan,
        facts: ChunkFacts,
        send: Send,
        failure: Failure,
    ) -> Deferred[None] | None:
        if attempt.cancelled or not _says_nothing(failure.value):
            attempt.failed(failure)
            return None
        plan.tested.add(attempt.offset)
        return attempt.report(send(attempt, plan, facts))

    async def _doubt(
        self,
        attempt: Attempt,
        plan: Plan,
        facts: ChunkFacts,
        send: Send,
        url: str,
        answer: Response,
    ) -> Result:
        """The chunk is there, if the server is to be believed."""
        result = await self._believed(attempt, plan, facts, url, answer)
        return await send(attempt, plan, facts) if result is None else result

    async def test(self, attempt: Attempt, plan: Plan, facts: ChunkFacts) -> Result | None:
        """
        Ask the server whether it has a chunk.

        :returns: a result if the chunk is there, or the server has had enough of the file.
        """
        while True:
            url = await self._url(attempt, plan.template, facts, await self._custom(attempt))
            try:
                answer = await self._exchange(attempt, url)
            except TransportError as error:
                if not _says_nothing(error):
                    raise
                attempt.check()
                plan.tested.add(attempt.offset)
                return None
            attempt.check()
            if answer.code not in UNAUTHORIZED:
                break
            if not (plan.renews_tests and self._hooks.renew(attempt, answer.code)):
                plan.renews_tests = False  # it is not for want of a token
                break
        return await self._believed(attempt, plan, facts, url, answer)

    async def _believed(
        self, attempt: Attempt, plan: Plan, facts: ChunkFacts, url: str, answer: Response
    ) -> Result | None:
        """What is known of the chunk, once the server is known to tell chunks apart."""
        options, verdict = self._options, self._verdict(answer)
        if not (plan.is_believed or plan.asks_in_vain) and verdict is STORED:
            ask = partial(self._ask_for, attempt, plan, facts)
            passing = self._control.passes(attempt, plan.template, url, options.dialect, ask)
            later = await passing
            if later is not None:
                return Result(RETRY, later, refusal(later, url, attempt.offset, True))
            plan.is_believed = self._one_server
        return self._heard(verdict, answer, attempt, plan, url)

    def _heard(
        self, verdict: Verdict, answer: Response, attempt: Attempt, plan: Plan, url: str
    ) -> Result | None:
        """What is known of the chunk, now that there is a response."""
        attempt.check()
        offset = attempt.offset
        if self._breadth.adapts_tests:
            self._breadth.tested(attempt)
        if verdict is STORED:
            plan.digests.pop(offset, None)
            self._misses.count(plan, True)
            take_list(self._options, attempt, plan, answer)
            return Result(verdict, answer, found=True)
        if verdict is ABSENT and is_busy(answer):
            return Result(RETRY, answer, refusal(answer, url, offset, True))
        plan.tested.add(offset)
        if verdict is REJECTED or received_before(answer):
            return Result(REJECTED, answer, refusal(answer, url, offset, True))
        self._misses.count(plan, False)
        take_list(self._options, attempt, plan, answer)
        return None

    async def _ask_for(
        self, attempt: Attempt, plan: Plan, facts: ChunkFacts, template: Template, other_than: str
    ) -> tuple[str, Verdict, Response] | None:
        """Test a chunk of another file, if there is another URL for it."""
        query = await self._custom(attempt)
        try:
            url = await self._url(attempt, template, facts, query)
        except Exception:  # of a function of the user's that knows its own files only
            attempt.check()
            url = other_than
        if url == other_than:
            plan.asks_in_vain = True
            return None
        answer = await self._exchange(attempt, url)
        return url, self._verdict(answer), answer

    async def _custom(self, attempt: Attempt) -> Pairs:
        return await self._hooks.query(attempt) if self._query is None else self._query

    async def _url(
        self, attempt: Attempt, template: Template, facts: ChunkFacts, query: Pairs
    ) -> str:
        if not callable(self._target):
            return template.test_url(self._target, facts, query)
        pairs = template.test_pairs(facts, query)
        return await self._hooks.test_url(attempt, self._option, self._target, pairs)

    async def _exchange(self, attempt: Attempt, url: str) -> Response:
        headers = self._headers
        if headers is None:
            headers = await self._hooks.headers(attempt)
        exchange, method = self._client.exchange, self._options.test_method
        answer: Response = await attempt.ask(self._turn, exchange, method, url, headers)
        return answer

    def _verdict(self, answer: Response) -> Verdict:
        return classify(answer.code, stored=self._stored, permanent=self._permanent, test=True)
