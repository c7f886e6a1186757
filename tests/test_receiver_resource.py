"""Tests for the receiver's responses."""

from __future__ import annotations

import errno
import os
from asyncio import CancelledError
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import LogLevel, globalLogPublisher
from twisted.web.server import Request
from zope.interface.verify import verifyObject

from tests.receiver_rig import ClientFile, FaultyDisk, QuickDisk, ReceiverTestCase, request
from txresumable._protocol.dialect import DIALECTS
from txresumable.receiver import (
    AnnouncedFile,
    IBodyTaker,
    ReceivedFile,
    ReceiverResource,
    Refused,
)

CONTENT = bytes(range(65, 90))  # 25 bytes: two chunks of 10 and 15


class UploadTests(ReceiverTestCase):
    """Files arrive whole."""

    def test_interface(self) -> None:
        """The resource takes bodies as they arrive."""
        self.start()
        verifyObject(IBodyTaker, self.site.resource)

    def test_whole_file(self) -> None:
        """A file sent chunk by chunk lies in the folder under its own name."""
        self.start()
        file = ClientFile(CONTENT, "my_file.dat")
        first = self.ask(file.upload(1))
        self.assertEqual((first.status, first.content), (200, {"status": "stored"}))
        self.assertEqual(self.finished(), {})
        last = self.ask(file.upload(2))
        digest = sha256(CONTENT).hexdigest()
        self.assertEqual(last.status, 200)
        self.assertEqual(
            last.content,
            {
                "status": "complete",
                "identifier": "an-identifier",
                "file_name": "my_file.dat",
                "size": 25,
                "sha256": digest,
            },
        )
        self.assertEqual(last.headers["resumable-file-checksum"], f"sha256:{digest}")
        self.assertEqual(self.finished(), {"my_file.dat": CONTENT})

    def test_every_way_of_sending(self) -> None:
        """Forms, bare bytes and data URLs, by POST and PUT, in pieces of any size, all arrive."""
        self.start()
        for encoder in ({}, {"octet": True}, {"base64": True}):
            for method in ("POST", "PUT"):
                for pieces in (1, 7, 65536):
                    name = f"{len(encoder)}{''.join(encoder)}{method}{pieces}"
                    file = ClientFile(CONTENT, name, name, **encoder)
                    for number in (2, 1):
                        response = self.ask(file.upload(number, method=method), pieces)
                        self.assertEqual(response.status, 200, response.body)
                    self.assertEqual(self.finished()[name], CONTENT)

    def test_both_layouts(self) -> None:
        """The number of chunks may be rounded down or up."""
        self.start()
        for force in (False, True):
            file = ClientFile(CONTENT, f"{force}", f"{force}", force=force)
            for number in range(1, file.layout.count + 1):
                self.ask(file.upload(number))
            self.assertEqual(self.finished()[f"{force}"], CONTENT)

    def test_empty_file(self) -> None:
        """A file of no bytes is one chunk of no bytes."""
        self.start()
        for octet in (False, True):
            file = ClientFile(b"", f"{octet}", f"{octet}", octet=octet)
            self.assertEqual(self.ask(file.test(1)).status, 404)
            self.assertEqual(self.ask(file.upload(1)).content["status"], "complete")
            self.assertEqual(self.finished()[f"{octet}"], b"")

    def test_any_order_at_once(self) -> None:
        """Chunks that arrive interleaved, the last one first, make one file and one event."""
        self.start()
        content = os.urandom(103)
        file = ClientFile(content, force=True)
        numbers = [11, *range(1, 11)]
        wires = {number: self.connect() for number in numbers}
        halves = {}
        for number in numbers:
            data = file.upload(number)
            halves[number] = data[-20:]
            wires[number].send(data[:-20])
            self.assertEqual(self.ask(file.test(number)).status, 404)
        for number in numbers:
            wires[number].send(halves[number])
        statuses = [wires[number].response().content["status"] for number in numbers]
        self.assertEqual(statuses, ["stored"] * 10 + ["complete"])
        self.assertEqual(self.finished(), {"file.dat": content})
        self.assertEqual(len(self.received), 1)

    def test_received_file(self) -> None:
        """Whoever is told of a file hears all that is known about it."""
        self.start()
        file = ClientFile(CONTENT, "../a b", "id", chunk_size=100, relative_path="x/../a b")
        self.ask(file.upload(1))
        path = os.path.abspath(os.path.join(self.root, "x", "a b"))
        self.assertEqual(
            self.received,
            [
                ReceivedFile(
                    path=path,
                    location=path,
                    size=25,
                    sha256=sha256(CONTENT).hexdigest(),
                    identifier="id",
                    file_name="../a b",
                    relative_path="x/../a b",
                )
            ],
        )

    def test_ids(self) -> None:
        """Each upload has an id of its own, which is the same when its end is notified again."""
        seen: list[ReceivedFile] = []

        def later(file: ReceivedFile) -> None:
            seen.append(file)
            if len(seen) == 1:
                raise Refused(503, "not now")

        self.start(on_complete=later)
        file = ClientFile(CONTENT, chunk_size=100)
        self.ask(file.upload(1))
        self.successResultOf(self.store.close())
        self.start(on_complete=later)
        self.assertEqual(self.ask(file.upload(1)).status, 200)
        self.assertEqual(len(seen), 2)
        os.remove(seen[1].path)
        self.assertEqual(self.ask(file.upload(1)).status, 200)
        first, second, third = (each.id for each in seen)
        self.assertEqual(first, second)
        self.assertNotEqual(first, third)
        self.assertRegex(first, "[0-9a-f]{32}")

    def test_parameters(self) -> None:
        """Parameters of the application's are kept if it names them, from the URL and the body."""
        begun: list[AnnouncedFile] = []
        self.start(on_started=begun.append, site={"parameters": ["album", "tag", "other"]})
        file = ClientFile(CONTENT)
        for number in (1, 2):
            data = file.upload(number).replace(b"/?", b"/?album=s%C3%A9&secret=x&tag=&", 1)
            self.assertEqual(self.ask(data).status, 200)
        kept = {"album": "s\u00e9", "tag": ""}
        self.assertEqual([each.parameters for each in (begun[0], self.received[0])], [kept] * 2)

    def test_waits_for_the_observer(self) -> None:
        """The client hears of the end once who is told of the file is done with it."""
        done: Deferred[None] = Deferred()
        self.start(on_complete=lambda file: done)
        wire = self.connect().send(ClientFile(CONTENT, chunk_size=100).upload(1))
        self.assertEqual(wire.responses(), [])
        done.callback(None)
        self.assertEqual(wire.response().content["status"], "complete")

    def test_observer_fails(self) -> None:
        """An observer that fails is logged and breaks nothing."""

        def fail(file: ReceivedFile) -> None:
            raise ZeroDivisionError

        self.start(on_complete=fail)
        response = self.ask(ClientFile(CONTENT, chunk_size=100).upload(1))
        self.assertEqual(response.content["status"], "complete")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_same_name(self) -> None:
        """A name that is taken is not overwritten."""
        self.start()
        for identifier in ("one", "two", "three"):
            content = identifier.encode()
            self.ask(ClientFile(content, "a.b.txt", identifier, chunk_size=100).upload(1))
        found = self.finished()
        self.assertEqual(sorted(found.values()), [b"one", b"three", b"two"])
        self.assertEqual(found["a.b.txt"], b"one")
        for name in found:
            self.assertRegex(name, r"\Aa\.b(-[0-9a-f]{8})?\.txt\Z")

    def test_hostile_names(self) -> None:
        """Whatever a client calls a file, one plain file in the folder comes of it."""
        self.start()
        names = [
            "../../etc/passwd",
            "/etc/passwd",
            "..",
            ".",
            "C:\\x",
            "a\\..\\b",
            "CON",
            "nul.txt",
        ]
        names += [
            "a\0b",
            "\u00e9",
            "e\u0301",
            "x" * 3000,
            " ",
            ".bashrc",
            "a\r\nb",
            "\u202egpj.exe",
        ]
        for number, name in enumerate(names):
            content = str(number).encode()
            query = {
                "resumableChunkNumber": "1",
                "resumableChunkSize": "100",
                "resumableTotalSize": str(len(content)),
                "resumableIdentifier": name,
                "resumableFilename": name,
                "resumableRelativePath": name,
            }
            response = self.ask(octet(query, content))
            self.assertEqual(response.content["status"], "complete", name)
        found = self.finished()
        self.assertEqual(sorted(map(int, found.values())), list(range(len(names))))
        self.assertEqual(os.listdir(os.path.dirname(os.path.abspath(self.root))), ["temp"])


class TestRequestTests(ReceiverTestCase):
    """Clients ask what is there."""

    def test_absent(self) -> None:
        """A chunk that never came is absent, and asking leaves nothing behind."""
        self.start()
        file = ClientFile(CONTENT)
        for method in ("GET", "HEAD"):
            self.assertEqual(self.ask(file.test(1, method=method)).status, 404)
        self.assertEqual(self.private(), [])

    def test_there(self) -> None:
        """A chunk that is durable is there, and the response says which others are."""
        self.start()
        file = ClientFile(bytes(95), force=True)
        for number in (1, 2, 3, 6, 8):
            self.ask(file.upload(number))
        there, absent = self.ask(file.test(2)), self.ask(file.test(4))
        self.assertEqual((there.status, absent.status), (200, 404))
        for response in (there, absent):
            self.assertEqual(response.headers["resumable-stored"], "1-3,6,8")
        head = self.ask(file.test(2, method="HEAD"))
        self.assertEqual((head.status, head.body), (200, b""))

    def test_long_list(self) -> None:
        """A list of chunks that is too long for a header is cut short."""
        self.start()
        file = ClientFile(bytes(2000), chunk_size=1)
        wire = self.connect()
        for number in range(1, 2001, 2):
            wire.send(file.upload(number))
        wire.transport.clear()
        response = self.ask(file.test(1))
        self.assertEqual(response.status, 200)
        self.assertLess(sum(len(n) + len(v) + 4 for n, v in response.headers.items()), 3500)
        self.assertTrue(response.headers["resumable-stored"].endswith(",..."))

    def test_after_completion(self) -> None:
        """When the file is finished its chunks are there, and the response says it is complete."""
        self.start()
        file = ClientFile(CONTENT)
        complete = [self.ask(file.upload(number)) for number in (1, 2)][1]
        for number in (1, 2):
            response = self.ask(file.test(number))
            self.assertEqual((response.status, response.content), (200, complete.content))
            self.assertEqual(response.headers["resumable-stored"], "1-2")

    def test_last_chunk_again(self) -> None:
        """A chunk that comes again after the end changes nothing and makes no second file."""
        self.start()
        file = ClientFile(CONTENT)
        first = [self.ask(file.upload(number)) for number in (1, 2)][1]
        again = self.ask(file.upload(2))
        self.assertEqual((again.status, again.content), (200, first.content))
        self.assertEqual(self.finished(), {"file.dat": CONTENT})
        self.assertEqual(len(self.received), 1)

    def test_file_taken_away(self) -> None:
        """A finished file that was taken away is absent at once, and is received again."""
        self.start()
        file = ClientFile(CONTENT, chunk_size=100)
        self.ask(file.upload(1))
        os.remove(os.path.join(self.root, "file.dat"))
        self.assertEqual(self.ask(file.test(1)).status, 404)
        self.assertEqual(self.ask(file.upload(1)).content["status"], "complete")
        self.assertEqual(self.finished(), {"file.dat": CONTENT})

    def test_checksum(self) -> None:
        """With a digest, only a chunk with that digest is there."""
        self.start()
        file = ClientFile(CONTENT, checksum=True)
        right, wrong = sha256(file.chunk(1)).hexdigest(), sha256(b"").hexdigest()
        self.ask(file.upload(1, checksum=right))
        self.assertEqual(self.ask(file.test(1, right)).status, 200)
        self.assertEqual(self.ask(file.test(1, wrong)).status, 404)
        last = sha256(file.chunk(2)).hexdigest()
        self.ask(file.upload(2, checksum=last))
        self.assertEqual(self.ask(file.test(2, last)).status, 200)
        self.assertEqual(self.ask(file.test(2, wrong)).status, 404)


class RefusalTests(ReceiverTestCase):
    """What is wrong is refused, and leaves nothing false behind."""

    def refuse(self, data: bytes, status: int, pieces: int = 65536) -> None:
        """Send a request that is refused with a status."""
        response = self.ask(data, pieces)
        self.assertEqual(response.status, status, response.body)
        self.assertEqual(response.content["status"], "error")
        self.assertEqual(response.headers["x-content-type-options"], "nosniff")

    def test_wrong_length(self) -> None:
        """A chunk that is too long or too short is refused and stays absent."""
        self.start()
        for encoder in ({}, {"octet": True}, {"base64": True}):
            file = ClientFile(CONTENT, **encoder)
            for size in (0, 9, 11, 1000):
                self.refuse(file.upload(1, bytes(size)), 400)
                self.assertEqual(self.ask(file.test(1)).status, 404)

    def test_truncated_form(self) -> None:
        """A form that ends too early is refused wherever it ends."""
        self.start()
        file = ClientFile(CONTENT)
        head, _, body = file.upload(1).partition(b"\r\n\r\n")
        line = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
        for end in range(0, len(body) - 3, 3):
            shorter = head.replace(line, b"Content-Length: %d" % end)
            self.refuse(shorter + b"\r\n\r\n" + body[:end], 400)
        self.assertEqual(self.ask(file.test(1)).status, 404)

    def test_broken_connection(self) -> None:
        """A connection that breaks in mid-chunk leaves it absent, and free to be sent."""
        self.start()
        file = ClientFile(CONTENT)
        wire = self.connect()
        wire.send(file.upload(1)[:-60])
        self.hang_up()
        self.assertEqual(self.ask(file.test(1)).status, 404)
        self.assertEqual(self.ask(file.upload(1)).status, 200)

    def test_other_chunk_size(self) -> None:
        """Chunks of other sizes begin an upload anew, and leave those of the first one alone."""
        self.start()
        file = ClientFile(CONTENT)
        self.ask(file.upload(1))
        for other in (
            ClientFile(CONTENT + b"x"),
            ClientFile(CONTENT, chunk_size=11),
            ClientFile(CONTENT, force=True),
        ):
            self.assertEqual(self.ask(other.test(1)).status, 404)
            self.assertEqual(self.ask(other.upload(2)).headers["resumable-stored"], "2")
        self.assertEqual(self.ask(file.test(1)).headers["resumable-stored"], "1")
        for number in range(2, file.layout.count + 1):
            self.ask(file.upload(number))
        self.assertEqual(self.finished(), {"file.dat": CONTENT})

    def test_url_and_body_disagree(self) -> None:
        """Parameters that differ between URL and body are refused, but not for line ends."""
        self.start()
        data = ClientFile(CONTENT).upload(1)
        self.refuse(data.replace(b"resumableTotalSize=25", b"resumableTotalSize=26"), 400)
        fine = ClientFile(CONTENT, "a\nb\rc\r\nd", "with\nnewline", chunk_size=100)
        self.assertEqual(self.ask(fine.upload(1)).status, 200)

    def test_field_after_the_chunk(self) -> None:
        """A field that comes after the chunk counts like any other."""
        self.start()
        file = ClientFile(CONTENT)
        for value, status in ((b"26", 400), (b"25", 200)):
            data = file.upload(1)
            mark = data[data.rindex(b"\r\n--") : -4]
            more = b'\r\nContent-Disposition: form-data; name="resumableTotalSize"\r\n\r\n' + value
            head, _, body = data.partition(b"\r\n\r\n")
            body = body[: body.rindex(mark)] + mark + more + mark + b"--\r\n"
            lines = [line for line in head.split(b"\r\n") if b"Content-Length" not in line]
            lines.append(b"Content-Length: %d" % len(body))
            response = self.ask(b"\r\n".join([*lines, b"", b""]) + body)
            self.assertEqual(response.status, status)

    def test_late_checksum(self) -> None:
        """A digest that comes after the chunk counts, for a new chunk and for one sent again."""
        self.start()
        right = "sha256:" + sha256(b"aaaa").hexdigest()
        wrong = "sha256:" + sha256(b"bbbb").hexdigest()
        for late, status in ((wrong, 422), ("nonsense", 400), (right, 200), (wrong, 422)):
            half = {**LAYOUT, "resumableTotalSize": "8", "resumableTotalChunks": "2"}
            data = form(half, b"aaaa", {CHECKSUM: late})
            self.assertEqual(self.ask(data).status, status)
        both = form({**LAYOUT, CHECKSUM: right}, b"aaaa", {CHECKSUM: wrong})
        self.assertEqual(self.ask(both).status, 400)
        self.assertEqual(self.finished(), {})

    def test_late_fields(self) -> None:
        """Fields that come after the chunk must repeat what stood before it."""
        self.start()
        names = [name for name in LAYOUT if name != "resumableTotalChunks"]
        for name in names:
            early = {key: value for key, value in LAYOUT.items() if key != name}
            early |= {"resumableIdentifier": "other"} if name != "resumableIdentifier" else {}
            self.refuse(form(early, b"aaaa", {name: LAYOUT[name]}), 400)
        for name, value in (
            ("resumableTotalChunks", "999"),
            ("resumableCurrentChunkSize", "77"),
            ("resumableType", "text/plain"),
            ("resumableIdentifier", "other"),
        ):
            self.refuse(form(LAYOUT, b"aaaa", {name: value}), 400)
        self.assertEqual(self.ask(form(LAYOUT, b"aaaa", LAYOUT)).status, 200)
        self.assertEqual(self.finished(), {"a": b"aaaa"})

    def test_repeated(self) -> None:
        """In an upload no parameter may have two values; in a test the last one counts."""
        self.start()
        twice = "/?" + urlencode([("resumableFilename", "b"), *LAYOUT.items()])
        self.refuse(request("PUT", twice, {}, b"aaaa"), 400)
        self.assertEqual(self.ask(request("GET", twice, {})).status, 404)
        repeated = twice.replace("Filename=b", "Filename=a") + "&token=1&token=2"
        self.assertEqual(self.ask(request("PUT", repeated, {}, b"aaaa")).status, 200)

    def test_not_text(self) -> None:
        """Identifiers that are not UTF-8 are refused, and never one and the same."""
        self.start()
        for escape in ("%E9", "%E8", "\xe9", "%ED%A0%80", "%C3"):
            url = "/?" + urlencode(LAYOUT).replace("Identifier=a", f"Identifier=a{escape}")
            for method in ("GET", "PUT"):
                data = request(method, url, {}, b"aaaa" * (method == "PUT"))
                self.assertEqual(self.ask(data).status, 400)
        self.assertEqual(self.private(), [])

    def test_bodies_of_others(self) -> None:
        """Only uploads have a body; that of any other request is refused, and not kept."""
        self.start()
        query = "/?" + urlencode(LAYOUT)
        for method, status in (("GET", 400), ("HEAD", 400), ("OPTIONS", 400), ("DELETE", 400)):
            for sized in ("Content-Length: 4\r\n\r\nbody", f"{CHUNKED}4\r\nbody\r\n0\r\n\r\n"):
                wire = self.connect()
                wire.send(f"{method} {query} HTTP/1.1\r\nHost: h\r\n{sized}".encode())
                self.assertEqual(wire.response().status, status)
                wire.send(request("GET", query, {}))
                self.assertEqual(wire.response().status, 404)
        wire = self.connect()
        wire.send(b"PATCH / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000000\r\n\r\n")
        wire.send(bytes(65536))
        self.assertEqual(wire.response().headers["connection"], "close")

    def test_duplicate(self) -> None:
        """A chunk that comes again is fine with the same bytes, refused for good with others."""
        self.start()
        file = ClientFile(CONTENT)
        self.ask(file.upload(1))
        self.assertEqual(self.ask(file.upload(1)).status, 200)
        self.refuse(file.upload(1, b"other byte"), 409)
        self.refuse(file.upload(1, b"short"), 400)
        self.ask(file.upload(2))
        self.refuse(file.upload(1, b"other byte"), 409)
        self.assertEqual(self.finished(), {"file.dat": CONTENT})

    def test_never_a_page(self) -> None:
        """What was stored is not served: each response is JSON, and nothing keeps it."""
        self.start()
        page = b"<script>alert(1)</script>"
        file = ClientFile(page, "page.html", "<script>")
        asked = [file.upload(1), file.upload(2), file.test(1), file.upload(1, b"<b>")]
        for data in (*asked, request("GET", "/page.html", {}), request("GET", "/", {})):
            response = self.ask(data)
            self.assertEqual(response.headers["content-type"], "application/json")
            self.assertEqual(response.headers["x-content-type-options"], "nosniff")
            self.assertNotIn(page, response.body)
            self.assertEqual(response.headers["cache-control"], "no-store")
        self.assertEqual(self.finished(), {"page.html": page})

    def test_wrong_checksum(self) -> None:
        """A chunk that does not have its digest is to be sent again."""
        self.start()
        file = ClientFile(CONTENT, checksum=True)
        right = sha256(file.chunk(1)).hexdigest()
        self.refuse(file.upload(1, b"other byte", checksum=right), 422)
        self.assertEqual(self.ask(file.test(1, right)).status, 404)
        self.assertEqual(self.ask(file.upload(1, checksum=right)).status, 200)
        self.refuse(file.upload(1, b"other byte", checksum=right), 422)

    def test_quotas(self) -> None:
        """Files that are too big, and too many unfinished ones, are refused; the limits tell."""
        self.start(max_file_size=50, max_unfinished=2, max_unfinished_size=70)
        self.refuse(ClientFile(bytes(51)).upload(1), 400)
        self.assertEqual(self.ask(ClientFile(bytes(50), "a", "a").upload(1)).status, 200)
        self.refuse(ClientFile(bytes(21), "b", "b").upload(1), 507)
        self.assertEqual(self.ask(ClientFile(bytes(20), "b", "b").upload(1)).status, 200)
        self.refuse(ClientFile(bytes(0), "c", "c").upload(1), 507)
        self.assertEqual(self.ask(ClientFile(bytes(20), "b", "b").upload(2)).status, 200)
        self.assertEqual(self.ask(ClientFile(bytes(0), "c", "c").upload(1)).status, 200)

    def test_too_many_chunks(self) -> None:
        """A file of too many chunks is refused, and one that has begun goes on."""

        def upload(count: int) -> bytes:
            size = str(count)
            return octet(
                {
                    "resumableChunkNumber": "1",
                    "resumableChunkSize": "1",
                    "resumableTotalSize": size,
                    "resumableTotalChunks": size,
                    "resumableIdentifier": size,
                },
                b"x",
            )

        self.start()
        self.assertEqual(self.ask(upload(1024 * 1024)).status, 200)
        self.refuse(upload(1024 * 1024 + 1), 400)
        self.hang_up()
        self.successResultOf(self.store.close())
        self.start(max_chunks=3)
        self.assertEqual(self.ask(upload(3)).status, 200)
        self.refuse(upload(4), 400)
        self.assertEqual(self.ask(upload(1024 * 1024)).status, 200)

    def test_other_methods(self) -> None:
        """Other methods are refused."""
        self.start()
        response = self.ask(request("PATCH", "/", {}))
        self.assertEqual(response.status, 405)
        self.assertIn("POST", response.headers["allow"])

    def test_too_many_parameters(self) -> None:
        """A URL with hundreds of parameters is refused."""
        self.start()
        query = "&".join(f"a{number}=1" for number in range(300))
        self.refuse(request("GET", f"/?{query}", {}), 400)
        self.refuse(request("POST", f"/?{query}", {}), 400)

    def test_urlencoded(self) -> None:
        """A form that is not multipart is refused for good."""
        self.start()
        kind = {"content_type": "application/x-www-form-urlencoded"}
        self.refuse(request("POST", "/", kind, b"a=b"), 415)

    def test_encoded(self) -> None:
        """A body that is compressed is refused for good, and not stored as it is."""
        self.start()
        file = ClientFile(CONTENT)
        self.refuse(file.upload(1, content_encoding="gzip"), 415)
        self.assertEqual(self.ask(file.upload(1, content_encoding="identity")).status, 200)

    def test_failure_inside(self) -> None:
        """What nobody foresaw is logged and gets a 500, and says nothing of itself."""

        def run(work: Any, *arguments: Any) -> Any:
            raise ZeroDivisionError("a secret")

        self.start(run=run)
        response = self.ask(ClientFile(CONTENT).test(1))
        self.assertEqual(response.status, 500)
        self.assertNotIn(b"secret", response.body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_short_of_resources(self) -> None:
        """What is short for a moment gets 503, which no client gives a file up for."""
        for number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.EINTR):
            self.root = self.mktemp()
            disk = FaultyDisk()
            self.start(disk=disk)
            disk.fail_at, disk.error = len(disk.calls) + 1, OSError(number, "short")
            response = self.ask(ClientFile(CONTENT).upload(1))
            self.assertEqual((response.status, response.headers["retry-after"]), (503, "1"))
            self.assertEqual(self.ask(ClientFile(CONTENT).upload(1)).status, 200)

    def test_log_of_a_broken_disk(self) -> None:
        """A disk that stays broken is logged once a minute, in one line without a traceback."""

        class BrokenDisk(QuickDisk):
            def sync_data(self, fd: int) -> None:
                raise OSError(errno.EIO, "broken")

        self.start(disk=BrokenDisk())
        lines: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, lines.append)
        file = ClientFile(bytes(100), chunk_size=10)
        for number in range(1, 11):
            self.assertEqual(self.ask(file.upload(number)).status, 500)
        wrong = [line for line in lines if line["log_level"] > LogLevel.info]
        self.assertEqual(len(wrong), 1)
        self.assertNotIn("log_failure", wrong[0])


class OwnerTests(ReceiverTestCase):
    """Owners do not meet."""

    def test_owner_fails(self) -> None:
        """An owner that raises, or returns no text, is logged; each request gets its response."""

        def owner(request: Request) -> Any:
            found = responses[-1]
            if isinstance(found, BaseException):
                raise found
            return found

        responses: list[object] = [KeyError("session"), CancelledError(), SystemExit(1), None]
        responses += [b"bytes", fail(KeyError("session")), succeed(None)]
        while responses:
            self.root = self.mktemp()
            self.start(site={"owner": owner})
            file = ClientFile(CONTENT)
            for data in (file.test(1), file.upload(1), file.test(1, method="HEAD")):
                self.assertEqual(self.ask(data).status, 500)
                if isinstance(responses[-1], Deferred):
                    responses[-1] = succeed(None)
            self.assertEqual(self.private(), [])
            self.assertEqual(len(self.flushLoggedErrors()), 1)
            responses.pop()

    def test_owner_reads(self) -> None:
        """An owner reads the URL's arguments and the cookies, of a test and of an upload alike."""

        def owner(request: Request) -> str:
            seen.append((request.args[b"token"], request.getCookie(b"a"), request.path))
            return "ada"

        seen: list[object] = []
        self.start(site={"owner": owner})
        for data in (ClientFile(CONTENT).test(1), ClientFile(CONTENT).upload(1)):
            data = data.replace(b"/?", b"/?token=t&", 1)
            self.ask(data.replace(b"\r\n", b"\r\nCookie: a=b\r\n", 1))
        self.assertEqual(seen, [([b"t"], b"b", b"/")] * 2)

    def test_owner_later(self) -> None:
        """An owner may take its time; what comes of the body meanwhile is not read."""
        owners: list[Deferred[str]] = []

        def owner(request: Request) -> Deferred[str]:
            owners.append(Deferred())
            return owners[-1]

        self.start(site={"owner": owner})
        file = ClientFile(CONTENT)
        wires = [self.connect().send(data) for data in (file.upload(1), file.test(1))]
        self.assertEqual([wire.responses() for wire in wires], [[], []])
        self.assertEqual(self.private(), [])
        owners[0].callback("ada")
        self.assertEqual(wires[0].response().status, 200)
        owners[1].callback("ada")
        self.assertEqual(wires[1].response().status, 200)
        wire = self.connect().send(file.test(1))
        owners[2].callback("bob")
        self.assertEqual(wire.response().status, 404)

    def test_owner_refuses_later(self) -> None:
        """Its refusal is a response, before the body has arrived and after."""
        owners: list[Deferred[str]] = []

        def owner(request: Request) -> Deferred[str]:
            owners.append(Deferred())
            return owners[-1]

        self.start(site={"owner": owner})
        data = ClientFile(CONTENT).upload(1)
        for sent in (data, data[:-5]):
            wire = self.connect().send(sent)
            owners[-1].errback(Refused(401, "who?", challenge="Bearer"))
            wire.send(data[len(sent) :])
            response = wire.response()
            self.assertEqual(response.status, 401)
            self.assertEqual(response.headers["www-authenticate"], "Bearer")
        self.assertEqual(self.private(), [])

    def test_client_gone_before_its_owner(self) -> None:
        """A client that has gone before its owner was known leaves nothing behind."""
        owners: list[Deferred[str]] = []

        def owner(request: Request) -> Deferred[str]:
            owners.append(Deferred())
            return owners[-1]

        self.start(site={"owner": owner})
        for data in (ClientFile(CONTENT).upload(1), ClientFile(CONTENT).test(1)):
            for sent in (data, data[:-5]):
                wire = self.connect().send(sent)
                wire.lose()
                self.connections.remove(wire)
        for each, result in zip(owners, ("ada", "ada", Refused(401, "no"), "ada"), strict=False):
            each.callback(result) if isinstance(result, str) else each.errback(result)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_authorized(self) -> None:
        """Each request is asked about with the file that it is for, and is refused if need be."""
        asked = []

        def authorize(request: Request, file: AnnouncedFile) -> Any:
            asked.append((request.method, file.owner, file.file_name, file.size))
            return responses[-1]

        self.start(site={"authorize": authorize, "owner": lambda request: "ada"})
        file = ClientFile(CONTENT, "a.dat")
        for response, status in (
            (False, 403),
            (succeed(False), 403),
            (fail(Refused(451, "no")), 451),
            (None, 200),
            (True, 200),
            (succeed(True), 200),
        ):
            responses = [response]
            self.assertEqual(self.ask(file.upload(1)).status, status, response)
        self.assertEqual(asked, [(b"POST", "ada", "a.dat", 25)] * 6)
        responses = [False]
        self.assertEqual(self.ask(file.test(1)).status, 403)
        deleted = self.ask(file.test(1, method="DELETE"))
        self.assertEqual(deleted.status, 403)
        self.assertEqual(asked[6:], [(each, "ada", "a.dat", 25) for each in (b"GET", b"DELETE")])

    def test_authorize_fails(self) -> None:
        """What is neither yes nor no is no, and is logged."""
        for response in (0, 1, "yes", succeed([]), fail(KeyError("x"))):
            self.root = self.mktemp()
            self.start(site={"authorize": lambda request, file, found=response: found})
            self.assertEqual(self.ask(ClientFile(CONTENT).upload(1)).status, 500)
            self.assertEqual(len(self.flushLoggedErrors()), 1)
            self.assertEqual(self.private(), [])

    def test_other_owner(self) -> None:
        """An upload of another owner under the same identifier is invisible."""

        def owner(request: Request) -> str:
            name = request.getHeader("x-user")
            if not name:
                raise Refused(401, "say who you are")
            return str(name)

        self.start(site={"owner": owner})
        file, other = ClientFile(CONTENT), ClientFile(bytes(25))
        self.assertEqual(self.ask(file.upload(1)).status, 401)
        self.assertEqual(self.ask(file.test(1)).status, 401)
        self.assertEqual(self.ask(file.upload(1, x_user="ada")).status, 200)
        self.assertEqual(self.ask(file.test(1, x_user="ada")).status, 200)
        self.assertEqual(self.ask(file.test(1, x_user="bob")).status, 404)
        for number in (1, 2):
            self.assertEqual(self.ask(other.upload(number, x_user="bob")).status, 200)
        self.assertEqual(self.finished(), {"file.dat": bytes(25)})
        self.assertEqual(self.received[0].owner, "bob")


class OriginTests(ReceiverTestCase):
    """Only some web pages may upload."""

    def test_refused(self) -> None:
        """A page from elsewhere is refused before anything is stored."""
        self.start(site={"origins": ["https://good.example"]})
        file = ClientFile(CONTENT)
        for origin in ("https://bad.example", "null", "https://good.example.bad", "http://["):
            self.assertEqual(self.ask(file.upload(1, origin=origin)).status, 403)
            self.assertEqual(self.ask(file.test(1, origin=origin)).status, 403)
            response = self.ask(request("OPTIONS", "/", {"origin": origin}))
            self.assertEqual(response.status, 403)
            self.assertNotIn("access-control-allow-origin", response.headers)
        self.assertEqual(self.private(), [])

    def test_any_bytes(self) -> None:
        """A header may hold any bytes; an origin that is not ASCII is none."""
        self.start(site={"origins": ["*"]})
        file = ClientFile(CONTENT)
        bad = "http://\xff.example"
        for data in (file.upload(1, origin=bad), file.test(1, origin=bad)):
            self.assertEqual(self.ask(data).status, 403)
        response = self.ask(request("OPTIONS", "/", {"origin": bad}))
        self.assertEqual(response.status, 403)
        self.assertNotIn("access-control-allow-origin", response.headers)
        wanted = {"origin": "http://a.example", "access_control_request_headers": "x\xff"}
        response = self.ask(request("OPTIONS", "/", wanted))
        self.assertEqual(response.status, 204)
        self.assertNotIn("access-control-allow-headers", response.headers)
        kind = file.upload(1).replace(b"multipart/form-data", b"\xff")
        self.assertEqual(self.ask(kind).status, 400)
        self.assertEqual(self.ask(file.upload(1, content_encoding="\xff")).status, 415)

    def test_only_for_those(self) -> None:
        """No response lets a page read it whose origin may not upload."""
        self.start()
        for method in ("DELETE", "GET", "PUT"):
            response = self.ask(request(method, "/", {"origin": "https://evil.example"}))
            self.assertNotIn("access-control-allow-origin", response.headers)

    def test_allowed(self) -> None:
        """A page on the list may upload and read the response, and so may one of our own host."""
        self.start(site={"origins": "https://good.example", "hosts": "receiver.example"})
        for origin in ("https://good.example", "http://receiver.example"):
            response = self.ask(ClientFile(CONTENT).upload(1, origin=origin))
            self.assertEqual(response.status, 200)
            self.assertEqual(response.headers["access-control-allow-origin"], origin)
            self.assertIn("Resumable-Stored", response.headers["access-control-expose-headers"])

    def named(self, host: str, **headers: str) -> int:
        """Ask under another name; the status of the response."""
        data = ClientFile(CONTENT).upload(1, **headers)
        return self.ask(data.replace(b"Host: receiver.example", f"Host: {host}".encode())).status

    def test_rebound_name(self) -> None:
        """
        A page of a name that leads here only now (DNS rebinding) may not upload; one from an
        address, or from ``localhost``, may, and a client that is no browser as well.
        """
        self.start()
        for host, status in (
            ("rebound.evil.example:8080", 403),
            ("localhost.evil.example", 403),
            ("127.0.0.1.evil.example", 403),
            ("localhost:8080", 200),
            ("a.localhost", 200),
            ("127.0.0.1:8080", 200),
            ("[::1]:8080", 200),
        ):
            self.assertEqual(self.named(host, origin=f"http://{host}"), status, host)
            self.assertEqual(self.named(host), 200)
        self.assertEqual(self.named("127.0.0.1", origin="ftp://127.0.0.1"), 403)
        self.assertEqual(self.named("127.0.0.1:8080", origin="http://127.0.0.1"), 403)

    def test_hosts(self) -> None:
        """If the receiver's names are known, all requests to others are refused."""
        self.start(site={"hosts": ["Files.Example", "[::1]"], "origins": ["https://good.example"]})
        for host, status in (
            ("files.example", 200),
            ("FILES.example:443", 200),
            ("[::1]:8080", 200),
            ("files.example.evil.example", 421),
            ("localhost", 421),
            ("127.0.0.1", 421),
            ("", 421),
        ):
            self.assertEqual(self.named(host), status, host)
            self.assertEqual(self.named(host, origin=f"https://{host}"), status, host)
            self.assertEqual(self.named(host, origin="https://good.example"), status, host)
        response = self.ask(ClientFile(CONTENT).test(1, origin="https://good.example"))
        self.assertEqual(response.status, 421)
        self.assertNotIn("access-control-allow-origin", response.headers)

    def test_credentials(self) -> None:
        """A page on the list may send cookies; one that is there as all are may not."""
        self.start(site={"origins": ["https://good.example", "*"]})
        for origin, granted in (("https://good.example", "true"), ("https://x.example", None)):
            headers = {"origin": origin}
            for asked in (request("OPTIONS", "/", headers), ClientFile(CONTENT).test(1, **headers)):
                response = self.ask(asked)
                self.assertEqual(response.headers["access-control-allow-origin"], origin)
                self.assertEqual(response.headers.get("access-control-allow-credentials"), granted)

    def test_preflight(self) -> None:
        """The browser's question before an upload is responded to."""
        self.start(site={"origins": ["*"]})
        headers = {"origin": "https://x.example", "access_control_request_headers": "x-token"}
        response = self.ask(request("OPTIONS", "/", headers))
        self.assertEqual((response.status, response.body), (204, b""))
        self.assertEqual(response.headers["access-control-allow-headers"], "x-token")
        self.assertIn("PUT", response.headers["access-control-allow-methods"])
        self.assertEqual(self.ask(request("OPTIONS", "/", {})).status, 204)


class DialectTests(ReceiverTestCase):
    """Relatives of the protocol."""

    def test_flow(self) -> None:
        """flow.js's names are understood, and absent is 204."""
        for dialect in ("flow", "simple"):
            self.root = self.mktemp()
            self.start(site={"dialect": dialect}, max_file_size=30)
            about = DIALECTS[dialect]
            file = ClientFile(
                CONTENT,
                names=about.names,
                in_url=about.in_url,
                custom_query_first=about.custom_query_first,
            )
            self.assertEqual(self.ask(file.test(1)).status, 204)
            for number in (1, 2):
                self.assertEqual(self.ask(file.upload(number)).status, 200)
            self.assertEqual(self.finished(), {"file.dat": CONTENT})
            big = ClientFile(bytes(31), "b", "b", names=about.names, in_url=about.in_url)
            self.assertEqual(self.ask(big.upload(1)).status, 413)

    def test_too_large(self) -> None:
        """413 where that is final, or nothing says so as well; 400 where that is final instead."""
        for permanent, status in (({413}, 413), ({400, 413}, 413), ({400}, 400), ({404}, 413)):
            self.root = self.mktemp()
            dialect = evolve(DIALECTS["resumable"], permanent=frozenset(permanent))
            self.start(site={"dialect": dialect}, max_file_size=30)
            self.assertEqual(self.ask(ClientFile(bytes(31), "b", "b").upload(1)).status, status)

    def test_namespace(self) -> None:
        """A prefix before every name is understood."""
        self.start(site={"namespace": "up_"})
        file = ClientFile(CONTENT, namespace="up_")
        for number in (1, 2):
            self.assertEqual(self.ask(file.upload(number)).status, 200)
        self.assertEqual(self.finished(), {"file.dat": CONTENT})

    def test_own_dialect(self) -> None:
        """A dialect may be given as a value, and names apart from it."""
        names = DIALECTS["simple"].names
        self.start(site={"dialect": DIALECTS["resumable"], "names": names})
        self.assertEqual(self.ask(ClientFile(CONTENT, names=names).upload(1)).status, 200)
        self.assertIsInstance(self.site.resource, ReceiverResource)


LAYOUT = {
    "resumableChunkNumber": "1",
    "resumableChunkSize": "4",
    "resumableTotalSize": "4",
    "resumableTotalChunks": "1",
    "resumableIdentifier": "a",
    "resumableFilename": "a",
}
CHECKSUM = "resumableChunkChecksum"
CHUNKED = "Transfer-Encoding: chunked\r\n\r\n"


def form(before: dict[str, str], chunk: bytes, after: dict[str, str]) -> bytes:
    """An upload in a form with fields before and after the chunk."""

    def part(head: str, content: bytes) -> bytes:
        return f"--B\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"

    parts = [part(f'name="{name}"', value.encode()) for name, value in before.items()]
    parts.append(part('name="file"; filename="x"', chunk))
    parts += [part(f'name="{name}"', value.encode()) for name, value in after.items()]
    kind = {"content_type": "multipart/form-data; boundary=B"}
    return request("POST", "/", kind, b"".join(parts) + b"--B--\r\n")


def octet(query: dict[str, str], body: bytes) -> bytes:
    """An upload of bare bytes."""
    kind = {"content_type": "application/octet-stream"}
    return request("POST", f"/?{urlencode(query)}", kind, body)


class PhraseTests(ReceiverTestCase):
    """The first line of a response."""

    def test_phrases(self) -> None:
        """It says what the status means, also where Twisted has no phrase."""
        self.start(site={"hosts": ["receiver.example"]})
        file = ClientFile(CONTENT)
        wrong = "sha-256=:" + "A" * 43 + "=:"
        for data, line in {
            file.upload(1): b"HTTP/1.1 200 OK",
            file.upload(2, content_digest=wrong): b"HTTP/1.1 422 Unprocessable Content",
            file.upload(1).replace(b"Host: receiver", b"Host: other"): (
                b"HTTP/1.1 421 Misdirected Request"
            ),
        }.items():
            connection = self.connect()
            connection.send(data)
            self.assertEqual(connection.transport.value().split(b"\r\n")[0], line)

    def test_chosen(self) -> None:
        """An application that refuses with another status gets its phrase as well."""

        def refuse(request: object, file: object) -> bool:
            raise Refused(429, "not so fast")

        self.start(site={"authorize": refuse})
        connection = self.connect()
        connection.send(ClientFile(CONTENT).upload(1))
        first = connection.transport.value().split(b"\r\n")[0]
        self.assertEqual(first, b"HTTP/1.1 429 Too Many Requests")
