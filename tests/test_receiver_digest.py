"""Tests for bodies whose digest is known before."""

from __future__ import annotations

import hashlib
from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st

from tests.receiver_rig import ClientFile, ReceiverTestCase, Response
from txresumable.receiver import Refused
from txresumable.receiver.web.digest import DigestedBody, digested, repr_digest
from txresumable.receiver.web.form import OctetBody

CONTENT = bytes(range(65, 100))  # 35 bytes: three chunks of 10, 10 and 15


def header(body: bytes, algorithm: str = "sha-256") -> str:
    """What says the digest of a body."""
    digest = hashlib.new(algorithm.replace("-", ""), body).digest()
    return f"{algorithm}=:{b64encode(digest).decode()}:"


class DigestTests(ReceiverTestCase):
    """Digests of bodies."""

    def status(self, file: ClientFile, given: str, data: bytes | None = None) -> int:
        """The status of the upload of a chunk."""
        return self.ask(file.upload(1, data, content_digest=given)).status

    def body_of(self, request: bytes) -> bytes:
        """The body of a request."""
        return request.partition(b"\r\n\r\n")[2]

    def test_forms_and_chunks(self) -> None:
        """A body is compared, whether it is a form or the chunk itself, before it is stored."""
        for octet in (True, False):
            self.root = self.mktemp()
            self.start()
            file = ClientFile(CONTENT, octet=octet)
            body = self.body_of(file.upload(1))
            for wrong in (header(body + b"x"), f"md5=:AAAA:, {header(b'')}"):
                self.assertEqual(self.status(file, wrong), 422)
                self.assertEqual(self.ask(file.test(1)).status, 404)
            damaged = CONTENT[:9] + b"x"
            self.assertEqual(self.status(file, header(body), damaged), 422)
            right = f"{header(body, 'sha-512')} ,{header(body)}, unixsum=:AA==:"
            self.assertEqual(self.status(file, right), 200)
            self.assertEqual(self.ask(file.test(1)).status, 200)

    def test_malformed(self) -> None:
        """What is no digest is refused."""
        self.start()
        body = self.body_of(ClientFile(CONTENT).upload(1))
        digest = header(body)
        for wrong in ("", "sha-256", "sha-256=abc", "sha-256=:!:", "sha-256=:QQ==:", digest[:-1]):
            self.assertEqual(self.status(ClientFile(CONTENT), wrong), 400, wrong)
        self.assertEqual(self.status(ClientFile(CONTENT), "sha-256=:AAA:"), 400)
        self.assertEqual(self.private(), [])

    def test_unknown(self) -> None:
        """Of other algorithms nothing is known."""
        parser = OctetBody()
        for unknown in (None, "md5=:AAAA:", "id-sha-256=:AAAA:"):
            self.assertIs(digested(parser, unknown), parser)

    @given(st.lists(st.binary()))
    def test_pieces(self, pieces: list[bytes]) -> None:
        """It does not matter in which pieces a body comes."""
        whole = b"".join(pieces)
        body = digested(OctetBody(), header(whole))
        self.assertIsInstance(body, DigestedBody)
        for piece in pieces:
            list(body.parse(piece))
        list(body.end())
        list(body.parse(b"x"))
        self.assertRaises(Refused, lambda: list(body.end()))


class ReprDigestTests(ReceiverTestCase):
    """Digests of responses."""

    def check(self, response: Response, algorithm: str = "sha-256") -> None:
        """It vouches for what was sent, and that for the file."""
        self.assertEqual(response.headers["repr-digest"], header(response.body, algorithm))
        digest = hashlib.sha256(CONTENT).hexdigest()
        self.assertEqual(
            (response.content["status"], response.content["sha256"]), ("complete", digest)
        )
        self.assertEqual(response.headers["resumable-file-checksum"], f"sha256:{digest}")

    def test_complete(self) -> None:
        """It is in the response to the last chunk, and to tests; HEAD has that of GET."""
        self.start()
        file = ClientFile(CONTENT)
        for response in self.ask(file.upload(1)), self.ask(file.test(1)), self.ask(file.test(2)):
            self.assertNotIn("repr-digest", response.headers)
        self.ask(file.upload(2))
        self.check(self.ask(file.upload(3)))
        self.check(tested := self.ask(file.test(1)))
        head = self.ask(file.test(1).replace(b"GET", b"HEAD", 1))
        self.assertEqual(head.headers["repr-digest"], tested.headers["repr-digest"])

    def test_wanted(self) -> None:
        """Clients choose."""
        self.start()
        file = ClientFile(CONTENT)
        for number in (1, 2):
            self.ask(file.upload(number, want_repr_digest="sha-512=1"))
        wanted = "sha-512=10, sha-256=1"
        self.check(self.ask(file.upload(3, want_repr_digest=wanted)), "sha-512")
        none = self.ask(file.upload(3, want_repr_digest="sha-256=0"))
        self.assertEqual(none.content["status"], "complete")
        self.assertNotIn("repr-digest", none.headers)

    def test_preferences(self) -> None:
        """What is not known or malformed says nothing, and 0 is not acceptable."""
        body = b"body"
        for wanted, algorithm in {
            None: "sha-256",
            "": "sha-256",
            "md5=10": "sha-256",
            "sha-512=3": "sha-512",
            "sha-512=3,sha-256=4": "sha-256",
            "sha-512=3 ,sha-256=0, md5=10": "sha-512",
            "sha-512=0": "sha-256",
            "sha-512=11": "sha-256",
            "sha-512=3, ?": "sha-256",
        }.items():
            expected = {"Repr-Digest": header(body, algorithm)}
            self.assertEqual(repr_digest(body, wanted), expected, wanted)
        self.assertEqual(repr_digest(body, "sha-256=0"), {})
        self.assertEqual(repr_digest(body, "sha-256=0, sha-512=0"), {})
