"""
A headless Chromium that is operated as a person does it: by DevTools' protocol, over a pipe.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from base64 import b64decode
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.trial.unittest import TestCase

from tests.processes import until

from .browser import FLAGS
from .install import BROWSER, program

__all__ = ["Tab", "open_tab"]

_COMMANDS, _MESSAGES = 3, 4
_KEYS = {"Tab": 9, "Enter": 13, " ": 32}


class _Pipe(ProcessProtocol):
    """The browser's process, and what is said to it and by it."""

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()
        self.events: list[dict[str, Any]] = []
        self._waiting: dict[int, Deferred[dict[str, Any]]] = {}
        self._written = b""
        self._last = 0

    def ask(self, method: str, session: str | None, **parameters: Any) -> Deferred[dict[str, Any]]:
        """Send a command; the Deferred fires with its result."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        assert self.transport is not None
        self.transport.writeToChild(_COMMANDS, json.dumps(message).encode() + b"\0")
        self._waiting[self._last] = Deferred()
        return self._waiting[self._last]

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if childFD != _MESSAGES:
            return
        *messages, self._written = (self._written + data).split(b"\0")
        for message in map(json.loads, messages):
            if "id" not in message:
                self.events.append(message)
            elif "error" in message:
                self._waiting.pop(message["id"]).errback(AssertionError(message["error"]))
            else:
                self._waiting.pop(message["id"]).callback(message["result"])

    def processEnded(self, reason: Any) -> None:
        self.ended.callback(None)


class Tab:
    """
    A page that is open.

    :ivar events: what the browser has reported of it, oldest first.
    """

    def __init__(self, pipe: _Pipe, session: str, target: str) -> None:
        self._pipe = pipe
        self._session = session
        self._target = target
        self.events = pipe.events

    def ask(self, method: str, **parameters: Any) -> Deferred[dict[str, Any]]:
        """Send a command of DevTools' protocol; the Deferred fires with its result."""
        return self._pipe.ask(method, self._session, **parameters)

    async def another(self, url: str) -> Tab:
        """Another tab of the same browser."""
        return await _new_tab(self._pipe, url)

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript; promises are waited for."""
        answer = await self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        while True:
            found: list[Any] = []
            asking = Deferred.fromCoroutine(self.evaluate(expression))
            asking.addBoth(found.append)
            await until(lambda found=found: found)
            if found[0] is True:
                return
            if found[0] is not False:
                raise AssertionError(found[0])

    async def text(self, selector: str) -> list[str]:
        """What the elements say that a selector finds."""
        every = f"[...document.querySelectorAll({json.dumps(selector)})]"
        found: list[str] = await self.evaluate(f"{every}.map((each) => each.textContent)")
        return found

    async def reload(self) -> None:
        """Load the page again, and wait for it."""
        await self.evaluate("window.isOld = true")
        await self.ask("Page.reload")
        await self.until("!window.isOld && document.readyState === 'complete'")

    async def choose(self, selector: str, *paths: Path) -> None:
        """Choose files, or a folder, in an input."""
        found = await self.ask(
            "Runtime.evaluate", expression=f"document.querySelector('{selector}')"
        )
        await self.ask(
            "DOM.setFileInputFiles",
            files=[str(path) for path in paths],
            objectId=found["result"]["objectId"],
        )

    async def drop(self, selector: str, *paths: Path) -> None:
        """Drag files and folders to the middle of an element, and let go."""
        x, y = await self.evaluate(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
            f"(document.querySelector('{selector}').getBoundingClientRect())"
        )
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for type in ("dragEnter", "dragOver", "drop"):
            await self.ask("Input.dispatchDragEvent", type=type, x=x, y=y, data=data)

    async def press(self, key: str) -> None:
        """Press a key."""
        text = {"Enter": "\r", " ": " "}.get(key)
        more = {} if text is None else {"text": text}
        code = _KEYS[key]
        common = {"key": key, "code": key.replace(" ", "Space"), "windowsVirtualKeyCode": code}
        await self.ask("Input.dispatchKeyEvent", type="keyDown", **common, **more)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", **common)

    async def roles(self) -> list[tuple[str, str]]:
        """What a screen reader gets: the role and the name of each node that has a name."""
        tree = await self.ask("Accessibility.getFullAXTree")
        return [
            (node["role"]["value"], node["name"]["value"])
            for node in tree["nodes"]
            if not node["ignored"] and node.get("name", {}).get("value")
        ]

    async def picture(self, path: Path) -> None:
        """Write what the page looks like, as PNG."""
        answer = await self.ask("Page.captureScreenshot", format="png")
        path.write_bytes(b64decode(answer["data"]))

    def complaints(self) -> list[Any]:
        """Errors of scripts, and what the page's policy has blocked."""
        return [
            event["params"]
            for event in self.events
            if event["method"] == "Runtime.exceptionThrown"
            or (
                event["method"] == "Log.entryAdded"
                and event["params"]["entry"]["source"] in ("security", "javascript")
            )
        ]


async def open_tab(case: TestCase, url: str) -> Tab:
    """
    Start a browser of its own, which ends with the test, and open a page.

    :param url: of the page.
    """
    from twisted.internet import reactor

    chromium = program(BROWSER)
    assert chromium is not None
    private = tempfile.mkdtemp()
    case.addCleanup(shutil.rmtree, private, ignore_errors=True)
    pipe = _Pipe()
    spawning: Any = reactor
    spawning.spawnProcess(
        pipe,
        chromium,
        [chromium, *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={private}/profile"],
        env={**os.environ, "HOME": private, "TMPDIR": private},
        childFDs={0: "w", 1: "r", 2: "r", _COMMANDS: "w", _MESSAGES: "r"},
    )

    async def end() -> None:
        if not pipe.ended.called:
            assert pipe.transport is not None
            pipe.transport.signalProcess("TERM")
        await pipe.ended

    case.addCleanup(lambda: Deferred.fromCoroutine(end()))
    return await _new_tab(pipe, url)


async def _new_tab(pipe: _Pipe, url: str) -> Tab:
    target = (await pipe.ask("Target.createTarget", None, url="about:blank"))["targetId"]
    attached = await pipe.ask("Target.attachToTarget", None, targetId=target, flatten=True)
    tab = Tab(pipe, attached["sessionId"], target)
    for domain in ("Page", "Runtime", "Log", "Accessibility", "DOM"):
        await tab.ask(f"{domain}.enable")
    await tab.ask("Page.navigate", url=url)
    await tab.until("location.href !== 'about:blank' && document.readyState === 'complete'")
    return tab
