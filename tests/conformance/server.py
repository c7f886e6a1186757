"""
The scripted server: it answers as the recording server answered, and writes down what it was asked.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any
from typing import Protocol as Interface

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol

from txresumable._protocol.control import PREFIX

from .exchange import Request, describe, key_of, parse_head
from .scenario import Response


class Answerer(Interface):
    """
    What knows the reply to a request.
    """

    def answer(self, request: Request) -> Response:
        """
        The reply to one request.

        :param request: what was asked.
        """
        ...


class Answers:
    """
    Replies by a rule.

    :param rule: from method, target and how often that was asked before, to a reply.
    """

    def __init__(self, rule: Callable[[str, str, int], Response]) -> None:
        self._rule = rule
        self._asked: Counter[tuple[str, str]] = Counter()

    def answer(self, request: Request) -> Response:
        """
        The reply to one request.

        :param request: what was asked.
        """
        key = request.method, request.target
        before = self._asked[key]
        self._asked[key] += 1
        return self._rule(*key, before)


class Script:
    """
    Which reply a request gets.

    A request that was recorded gets what it got then, the second of its kind the second answer,
    and so on; when the answers have run out, the last one again. A request that was never
    recorded (and which the comparison will tell of) gets the next answer that was given to its
    method and never used; failing that, what the recording server answered by default.

    :param recorded: each recorded request, as described, and its reply.
    :param absent: the status of a test by default.
    """

    def __init__(self, recorded: Iterable[tuple[dict[str, Any], Response]], absent: int) -> None:
        self._absent = absent
        self._replies: dict[tuple[Any, ...], deque[Response]] = defaultdict(deque)
        self._order: list[tuple[Any, ...]] = []
        for request, reply in recorded:
            key = key_of(request)
            self._replies[key].append(reply)
            self._order.append(key)
        self._used: set[tuple[Any, ...]] = set()

    def answer(self, request: Request) -> Response:
        """
        The reply to one request.

        :param request: what was asked.
        """
        key = key_of(describe(request, frozenset(), b""))
        if key not in self._replies:
            unused = [
                other for other in self._order if other[0] == key[0] and other not in self._used
            ]
            if not unused:
                is_test = request.header("Content-Length") is None
                return Response(self._absent if is_test else 200)
            key = unused[0]
        self._used.add(key)
        replies = self._replies[key]
        return replies.popleft() if len(replies) > 1 else replies[0]


class ScriptedServer(Protocol):
    """
    One connection of the scripted server: HTTP/1.1, kept alive, one request at a time.

    :param clock: where a reply waits for its time.
    :param script: which reply a request gets.
    :param log: where each complete request is written down.
    """

    def __init__(self, clock: IReactorTime, script: Answerer, log: list[Request]) -> None:
        self._clock = clock
        self._script = script
        self._log = log
        self._data = b""
        self._pending: Request | None = None
        self._timer: Any = None

    def dataReceived(self, data: bytes) -> None:
        """
        Collect a request, and answer it when it is complete.
        """
        self._data += data
        head, found, rest = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        assert self._pending is None, "a second request before the first was answered"
        request = parse_head(head)
        length = int(request.header("Content-Length") or "0")
        if len(rest) < length:
            return
        request.body, self._data = rest[:length], rest[length:]
        request.arrived = self._clock.seconds()
        self._pending = request
        if PREFIX in request.target:  # resumable.js believes any server
            self._reply(request, Response(404))
            return
        self._log.append(request)
        reply = self._script.answer(request)
        self._timer = self._clock.callLater(reply.delay, self._reply, request, reply)

    def _reply(self, request: Request, reply: Response) -> None:
        self._pending = self._timer = None
        request.answered = self._clock.seconds()
        request.status = reply.status
        assert self.transport is not None
        if not reply.status:
            self.transport.loseConnection()
            return
        body = b"" if reply.status in (204, 304) else reply.text.encode("utf-8")
        headers = "".join(f"{name}: {value}\r\n" for name, value in reply.headers)
        if reply.status not in (204, 304):
            headers += f"Content-Type: {reply.type}\r\nContent-Length: {len(body)}\r\n"
        self.transport.write(f"HTTP/1.1 {reply.status} Scripted\r\n{headers}\r\n".encode("latin-1"))
        if request.method != "HEAD":
            self.transport.write(body)

    def connectionLost(self, reason: Any = None) -> None:
        """
        Note a request that its client gave up.
        """
        if self._timer is not None:
            self._timer.cancel()
        if self._pending is not None:
            self._pending.aborted = True
        assert not self._data, f"the connection ended inside a request: {self._data[:200]!r}"
