"""
Recordings of what flow.js and simple-uploader.js send, made in a browser.

Run it as ``python -m tests.interop.recorder flow simple``: it repeats, with each of these two, the
scenarios that are recorded of another library, as far as their options exist there too, and some
that are about what only they have. What is new is written to ``tests/data/wire-*.json``.
"""

from __future__ import annotations

import json
import re
import sys
from base64 import b64encode
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from attrs import define, field
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater, react

from tests.conformance.exchange import Request, chunk_of, describe
from tests.conformance.scenario import DATA, RECORDINGS, Response, content
from tests.conformance.server import ScriptedServer

from .browser import LIBRARIES, PAGES, Chromium
from .install import NODE_MODULES
from .recorded import Specification, specifications

META: Final = json.loads((DATA / RECORDINGS["flow"]).read_text("utf-8"))["meta"]

CLIENTS: Final = {"flow": "@flowjs/flow.js@2.14.1", "simple": "simple-uploader.js@0.6.0"}


@define
class _Recording:
    """
    A scenario that is being recorded: the page and its server.

    :ivar said: fires with what the page said at its end.
    """

    library: str
    specification: Specification
    origin: str
    said: Deferred[dict[str, Any]] = field(factory=Deferred)
    asked: dict[tuple[str, str, str], int] = field(factory=lambda: defaultdict(int))
    replies: dict[int, Any] = field(factory=dict)
    requests: list[Request] = field(factory=list)

    def answer(self, request: Request) -> Response:
        """What the server answers."""
        own = self._own(request)
        if own is not None:
            return own
        self.requests.append(request)
        reply = self._reply(request)
        self.replies[id(request)] = reply
        if isinstance(reply, str):
            return Response(0)
        headers = tuple(reply.get("headers", {}).items())
        return Response(reply["status"], headers, reply.get("delay_ms", 0) / 1000)

    def _reply(self, request: Request) -> Any:
        what = "upload" if request.header("Content-Length") else "test"
        if request.method == "OPTIONS":
            return {"status": 204, "headers": self._allowed()}
        described = describe(request, frozenset(), b"")["body"] or {}
        number, name = chunk_of(request.target, described.get("parts", ()))
        again = self.asked[what, number, name]
        self.asked[what, number, name] += 1
        reply = self.specification.reply(what, number, name, again)
        if "OTHER" in self.specification.options:
            reply = {**reply, "headers": self._allowed()}
        return reply

    def _allowed(self) -> dict[str, str]:
        return {
            "Access-Control-Allow-Origin": self.origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Allow-Methods": "GET, POST",
        }

    def _own(self, request: Request) -> Response | None:
        """What is the page's and not the library's."""
        if request.target == "/page":
            return Response(200, text=(PAGES / "page.html").read_text(), type="text/html")
        if request.target == "/page.js":
            return Response(200, text=(PAGES / "recorded.js").read_text(), type="text/javascript")
        if request.target == "/library.js":
            library = (NODE_MODULES / LIBRARIES[self.library]).read_text("utf-8")
            return Response(200, text=library, type="text/javascript")
        if request.target == "/job":
            return Response(200, text=json.dumps(self._job()), type="application/json")
        if request.target == "/said":
            if not self.said.called:
                self.said.callback(json.loads(request.body))
            return Response(204)
        return Response(404) if request.target == "/favicon.ico" else None

    def _job(self) -> dict[str, Any]:
        specification = self.specification
        files = [
            {**each, "content": b64encode(content(each["name"], at, each["size"])).decode()}
            for at, each in enumerate(specification.files)
        ]
        options, driver = specification.options, specification.driver
        return {"library": self.library, "options": options, "files": files, "driver": driver}

    def result(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """The scenario as it is written down."""
        specification = self.specification
        result = {
            "client": CLIENTS[self.library],
            "id": specification.id,
            "doc": specification.doc,
            "options": specification.options,
            "files": list(specification.files),
            "driver": specification.driver,
            "requests": [self._request(*each) for each in enumerate(self.requests, 1)],
            **{key: said[key] for key in ("events", "chunks", "progress")},
        }
        return {**result, "observed": said["observed"]} if said["observed"] else result

    def _request(self, number: int, request: Request) -> dict[str, Any]:
        first = self.specification.files[0]
        sample = content(first["name"], 0, first["size"])
        described = describe(request, frozenset(), sample)
        body = described["body"]
        boundary = re.search("boundary=(.*)", request.header("Content-Type") or "")
        own = {name.lower() for name, _ in META["constant_headers"]} | {
            "content-length",
            "sec-fetch-storage-access",
        }
        if "OTHER" not in self.specification.options:
            own.add("origin")
        headers = [
            [name, value.replace(boundary[1], "<boundary>") if boundary else value]
            for name, value in request.headers
            if name.lower() not in own
        ]
        if body is not None and "boundary" in body:
            body["boundary"] = "----WebKitFormBoundary<16 alnum>"
        result = {
            "n": number,
            "t_ms": round((request.arrived - self.requests[0].arrived) * 1000),
            "method": request.method,
            "url": request.target,
            "headers": headers,
            **({} if body is None else {"body": body}),
        }
        if request.aborted:
            result["client_aborted_at_ms"] = result["t_ms"]
        return {**result, "reply": self.replies[id(request)]}


class _Site(Factory):
    noisy = False
    recording: _Recording

    def buildProtocol(self, addr: Any) -> ScriptedServer:
        clock: Any = reactor
        return ScriptedServer(clock, self.recording, [])


async def record(library: str, specification: Specification) -> dict[str, Any]:
    """
    Record one scenario.

    :param library: the name of a dialect.
    :param specification: what the page does, and what its server answers.
    """
    site = _Site()
    listening: Any = reactor
    port = listening.listenTCP(0, site, interface="127.0.0.1")
    site.recording = _Recording(library, specification, f"http://127.0.0.1:{port.getHost().port}")
    chromium = Chromium.running()
    page = await chromium.open(f"{site.recording.origin}/page")
    said = await site.recording.said
    await chromium.close(page)
    await port.stopListening()
    assert "broken" not in said, (specification.id, said)
    await deferLater(listening, 0.05, lambda: None)
    return site.recording.result(said)


async def _main(libraries: list[str]) -> None:
    for library in libraries:
        path = DATA / RECORDINGS[library]
        recorded = json.loads(path.read_text("utf-8")) if path.exists() else {"scenarios": []}
        there = {each["id"] for each in recorded["scenarios"]}
        for specification in specifications():
            if specification.id not in there:
                scenario = await record(library, specification)
                recorded["scenarios"].append(scenario)
                sys.stdout.write(f"{library} {specification.id} {len(scenario['requests'])}\n")
        recorded.setdefault("meta", _meta(library))
        scenarios = ",\n".join(map(_compact, recorded["scenarios"]))
        text = f'{{"meta":{_compact(recorded["meta"])},\n"scenarios":[\n{scenarios}\n]}}\n'
        path.write_text(text, "utf-8")


def _meta(library: str) -> dict[str, Any]:
    return {**META, "date": date.today().isoformat(), "clients": {CLIENTS[library]: "npm"}}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(_main(sys.argv[1:])))
