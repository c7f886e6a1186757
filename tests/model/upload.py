"""What may be said about an upload, and what may not."""

from __future__ import annotations

from hashlib import sha256
from random import Random

from attrs import define, frozen

from txresumable._protocol.dialect import ParameterNames
from txresumable.receiver.store.names import key_of

from ..receiver_rig import TARGET, ClientFile, request

_CHECKSUM = ParameterNames().checksum
_REFUSED = (400, 403, 409, 410, 413, 415, 422)


@frozen
class Plan:
    """
    A file that a client has.

    :ivar owner: who the client is.
    :ivar identifier: what it calls the upload.
    :ivar name: what it calls the file.
    :ivar size: bytes.
    """

    owner: str
    identifier: str
    name: str
    size: int
    chunk_size: int
    force: bool
    method: str


_FOLDERS = ("", "a/", "a/b/")


@define(eq=False)
class Request:
    """
    A request that a client made.

    :ivar upload: what it is about; nothing for one that is malformed.
    :ivar number: its chunk, from 1.
    :ivar data: the bytes it sends, or those whose digest it asks for.
    :ivar checksum: what it says of them: ``""``, ``right`` or ``wrong``.
    :ivar generation: which one of the upload it is about.
    :ivar knew: what the client knew of the chunk then.
    :ivar when: the wall clock then.
    :ivar is_sent: whether all of it has arrived.
    :ivar status: the status of its response.
    """

    upload: Upload | None
    number: int = 0
    is_test: bool = False
    data: bytes = b""
    checksum: str = ""
    generation: int = 0
    knew: bool = False
    when: float = 0.0
    is_sent: bool = False
    status: int | None = None

    @property
    def is_upload(self) -> bool:
        return self.upload is not None and not self.is_test

    @property
    def can_count(self) -> bool:
        """Whether its bytes may be taken for the chunk."""
        return (
            self.upload is not None
            and not self.is_test
            and self.is_sent
            and self.checksum != "wrong"
            and len(self.data) == len(self.upload.file.chunk(self.number))
            and self.status not in _REFUSED
        )

    def __str__(self) -> str:
        if self.upload is None:
            return "an odd request"
        kind = "test" if self.is_test else "upload"
        return f"{kind} of {self.upload} {self.number} {self.checksum}"


class Upload:
    """
    An upload, as its client knows it.

    A *generation* ends when somebody may have taken away what was acknowledged: the operator,
    ``on_complete``, or a sweep after the upload's time.  Requests that were under way then may
    be responded to either way.

    :ivar acked: the bytes that were confirmed, by chunk.
    :ivar present: the chunks that were said to be there.
    :ivar complete: whether the file was said to be in its place.
    :ivar kept: what was in its place when it was complete, if nobody took it since.
    :ivar was_taken: whether the file was ever taken from its place, or changed there.
    :ivar is_handed_over: whether ``on_complete`` took it, and nobody heard of that yet.
    :ivar touched: by the wall clock, the last time that something counted.
    """

    def __init__(self, plan: Plan, random: Random, most: int | None = None) -> None:
        self.is_too_big = most is not None and plan.size > most
        self.plan = plan
        content = random.randbytes(plan.size)
        folder = _FOLDERS[plan.size % len(_FOLDERS)]
        self.file, self._summed = (
            ClientFile(
                content,
                plan.name,
                plan.identifier,
                chunk_size=plan.chunk_size,
                force=plan.force,
                relative_path=folder + plan.name,
                octet=plan.method == "octet",
                checksum=checksum,
            )
            for checksum in (False, True)
        )
        self.key = key_of(plan.owner, plan.identifier, self.file.layout)
        self.requests: list[Request] = []
        self.generation = 0
        self.acked: dict[int, bytes] = {}
        self.present: set[int] = set()
        self.complete = False
        self.kept: bytes | None = None
        self.was_taken = False
        self.is_handed_over = False
        self.touched = float("-inf")

    @property
    def count(self) -> int:
        return self.file.layout.count

    @property
    def is_acked(self) -> bool:
        """Whether all chunks were acknowledged."""
        return len(self.acked.keys() | self.present) == self.count

    def __str__(self) -> str:
        return f"{self.plan.owner}/{self.plan.identifier}"

    def completed(self, content: bytes) -> None:
        """It was said to be in its place, and is."""
        self.complete, self.kept = True, content

    def taken(self) -> None:
        """The file was taken from its place, or changed there."""
        self.next_generation()
        self.was_taken, self.kept = True, None

    def next_generation(self) -> None:
        """What was acknowledged may be gone."""
        self.generation += 1
        self.acked.clear()
        self.present.clear()
        self.complete = False

    # Requests ----------------------------------------------------------------------------------

    def other(self, number: int, variety: int) -> bytes:
        """Bytes that are not the file's."""
        right = self.file.chunk(number)
        return bytes(byte ^ (0x55 + variety % 3) for byte in right)

    def upload(
        self,
        number: int,
        data: bytes,
        checksum: str,
        now: float,
        *,
        late: bool = False,
        again: bool = False,
    ) -> tuple[Request, bytes]:
        """
        A request that sends a chunk, and its bytes.

        :param late: whether the digest comes after the chunk.
        :param again: whether it wants to send what was received before.
        """
        asked = self._request(number, False, data, checksum, now)
        digest, headers = _digest(data, checksum), {"x_owner": self.plan.owner}
        if again:
            headers["resumable_again"] = "1"
        if late and checksum:
            return asked, self.file.upload(
                number, data, late={_CHECKSUM: f"sha256:{digest}"}, **headers
            )
        file = self._summed if checksum else self.file
        return asked, file.upload(number, data, checksum=digest, **headers)

    def test(
        self, number: int, checksum: str, now: float, data: bytes | None = None
    ) -> tuple[Request, bytes]:
        """A request that asks for a chunk, and its bytes."""
        data = self.acked.get(number, self.file.chunk(number)) if data is None else data
        asked = self._request(number, True, data, checksum, now)
        file, headers = self._summed if checksum else self.file, {"x_owner": self.plan.owner}
        return asked, file.test(number, checksum=_digest(data, checksum), **headers)

    def _request(
        self, number: int, is_test: bool, data: bytes, checksum: str, now: float
    ) -> Request:
        knew = number in self.present or number in self.acked
        asked = Request(self, number, is_test, data, checksum, self.generation, knew, now)
        self.requests.append(asked)
        return asked

    def has_failed(self, number: int) -> bool:
        """Whether the last request that sent a chunk failed for no fault of its own."""
        sent = [each for each in self.requests if each.number == number and each.is_upload]
        return bool(sent) and sent[-1].status in (500, 507)

    def possible(self, number: int) -> list[bytes]:
        """What the bytes of a chunk may be, if it is there."""
        if number in self.acked:
            return [self.acked[number]]
        found = [each.data for each in self.requests if each.number == number and each.can_count]
        return list(dict.fromkeys(found))

    def sent(self, content: bytes) -> bool:
        """Whether this is a whole file, of bytes that were sent at any time."""
        if len(content) != self.plan.size:
            return False
        for number in range(1, self.count + 1):
            start, end = self.file.layout.range(number - 1)
            found = (each for each in self.requests if each.number == number and each.is_upload)
            if content[start:end] not in {each.data for each in found}:
                return False
        return True

    def fits(self, content: bytes) -> bool:
        """Whether this is the whole file, of bytes that count."""
        if len(content) != self.plan.size:
            return False
        for number in range(1, self.count + 1):
            start, end = self.file.layout.range(number - 1)
            if content[start:end] not in self.possible(number):
                return False
        return True

    # Responses -----------------------------------------------------------------------------------

    def judge(self, asked: Request) -> str | None:
        """
        Take note of a response.

        :returns: what is wrong with it, if anything is.
        """
        assert asked.status is not None
        return (self._judge_test if asked.is_test else self._judge_upload)(asked, asked.status)

    def _judge_test(self, asked: Request, status: int) -> str | None:
        number, possible = asked.number, self.possible(asked.number)
        if status == 200:
            if not possible:
                return "said to be there, and never arrived"
            if asked.checksum == "wrong" or (asked.checksum and asked.data not in possible):
                return "said to be there with a digest that it does not have"
            self._note(asked, asked.data if asked.checksum else None)
            return None
        if status in (404, 204):
            sure = asked.knew and number in (self.acked if asked.checksum else self.present)
            matching = not asked.checksum or (
                asked.checksum == "right" and self.acked.get(number) == asked.data
            )
            return "an acknowledged chunk is gone" if sure and matching else None
        return _unexpected(status)

    def _judge_upload(self, asked: Request, status: int) -> str | None:
        number = asked.number
        length = len(self.file.chunk(number))
        if status == 200:
            if asked.checksum == "wrong":
                return "stored though its digest is wrong"
            if len(asked.data) != length:
                return "stored though its length is wrong"
            if self.acked.get(number, asked.data) != asked.data:
                return "two contents were confirmed for one chunk"
            self._note(asked, asked.data)
            return None
        if status == 422 and asked.checksum != "wrong":
            return "refused for its digest, which is right"
        if status == 400 and len(asked.data) == length and not self.is_too_big:
            return "refused as malformed, and is not"
        if status == 409 and set(self.possible(number)) <= {asked.data} and self._sure(number):
            return "refused as other bytes, and they are the same"
        return None if status in (400, 409, 422) else _unexpected(status)

    def _sure(self, number: int) -> bool:
        return (
            not any(
                each.number == number and each.is_upload and not each.is_sent
                for each in self.requests
            )
            and number in self.acked
        )

    def _note(self, asked: Request, data: bytes | None) -> None:
        self.present.add(asked.number)
        if data is not None:
            self.acked.setdefault(asked.number, data)
        if not self.complete:
            self.touched = asked.when


def _digest(data: bytes, checksum: str) -> str:
    if not checksum:
        return ""
    return sha256(data if checksum == "right" else data + b"?").hexdigest()


def _unexpected(status: int) -> str | None:
    return None if status in (410, 413, 500, 503, 507) else f"status {status}"


# Requests that no client of ours makes; each must be responded to, or its connection ended.

_QUERY = "resumableChunkNumber=1&resumableChunkSize=10&resumableTotalSize=5&resumableIdentifier="


def odd_requests() -> list[bytes]:
    """Requests that are malformed, or ask for what is refused."""
    url = f"{TARGET}?{_QUERY}odd&resumableFilename=odd"
    path, data = url.removeprefix(TARGET[:-1]), b"12345"
    elsewhere = {"origin": "http://elsewhere.example", "expect": "100-continue"}
    head = f"{path} HTTP/1.1\r\nHost: receiver.example\r\nX-Owner: odd\r\n"
    return [
        request("GET", url, {"x_owner": "raises"}),
        request("POST", url, {"x_owner": "raises"}, data),
        request("POST", url, {"expect": "100-continue", "x_owner": "raises"}, data),
        request("POST", url, {"x_owner": "odd", "origin": "http://\xe9.example"}, data),
        request("GET", url, {"x_owner": "odd", "origin": "http://\xff"}),
        request("DELETE", url, {"x_owner": "odd"}),
        request("OPTIONS", url, {"x_owner": "odd", "origin": "http://receiver.example"}),
        request("POST", TARGET + "?resumableChunkNumber=x", {"x_owner": "odd"}, data),
        request("POST", url, {"x_owner": "odd", **elsewhere}, data),
        request("PUT", url, {"content_type": "application/x-www-form-urlencoded"}, data),
        request("PUT", url, {"content_type": "multipart/form-data"}, data),
        request("GET", url.replace("odd", "%FF%FE", 1), {"x_owner": "odd"}),
        b"NONSENSE\r\n\r\n",
        b"GET /\r\nHost\r\n\r\n",
        f"PUT {head}Transfer-Encoding: chunked\r\n\r\nzz\r\n".encode(),
        f"GET {head}Content-Length: 4\r\n\r\nbody".encode(),
    ]
