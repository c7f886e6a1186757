"""The page to drop files on, in Chromium."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.trial.unittest import TestCase

from tests.processes import until
from txresumable.receiver import Login

from .devtools import Tab, open_tab
from .install import BROWSER, why_not_installed
from .recording import RecordingReceiver
from .scenarios import MIB, folder_for, require
from .silent import SilentProxy

STATES = """;
states = new Set();
new MutationObserver(() => {
  for (const each of document.querySelectorAll(".state")) states.add(each.textContent);
}).observe(document, { subtree: true, childList: true, characterData: true });
"""
"""Remembers what the page has said of files, however short a time."""
ALL_RECEIVED = "document.getElementById('summary').textContent === '{0} of {0} received'"


class PageTests(TestCase):
    """What people do with it."""

    timeout = 90.0

    def setUp(self) -> None:
        require(self, why_not_installed(BROWSER))
        self.folder = folder_for(self)
        self.files = self.folder / "files"
        self.files.mkdir()

    async def open(self, query: str = "", dialect: str = "resumable", **options: Any) -> Tab:
        """Start a receiver and open its page."""
        self.receiver = RecordingReceiver(
            self, self.folder / "received", dialect, page=True, **options
        )
        return await open_tab(self, self.receiver.url + query)

    def file(self, name: str, size: int) -> Path:
        """A new file of random bytes."""
        path = self.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
        return path

    def assert_received(self, *paths: Path) -> None:
        """These files have arrived, in the folders that they come from, and nothing else."""
        received = self.folder / "received"
        found = {
            path.relative_to(received): path.read_bytes()
            for path in received.rglob("*")
            if path.is_file() and ".resumable" not in path.parts
        }
        self.assertEqual(found, {path.relative_to(self.files): path.read_bytes() for path in paths})

    async def test_drop(self) -> None:
        """Files that are dropped arrive, each with a bar; the page's policy blocks nothing."""
        tab = await self.open()
        paths = [self.file("a.bin", 3 * MIB + 5), self.file("empty", 0), self.file("b.txt", 9)]
        await tab.drop("#drop", *paths)
        await tab.until(ALL_RECEIVED.format(3))
        self.assert_received(*paths)
        self.assertEqual(await tab.text("#uploads .name"), ["a.bin", "empty", "b.txt"])
        self.assertEqual(await tab.text("#uploads .state"), ["Received"] * 3)
        values = "[...document.querySelectorAll('progress')].map((bar) => bar.value)"
        self.assertEqual(await tab.evaluate(values), [100, 100, 100])
        self.assertEqual(self.receiver.requests("POST").total(), 4 + 1 + 1)
        self.assertEqual(tab.complaints(), [])

    async def test_other_dialect(self) -> None:
        """
        The page speaks flow.js's dialect if the receiver does, with a namespace, and sends the
        parameters of its URL that are kept.
        """
        albums: list[object] = []

        def authorize(request: Any, file: Any) -> None:
            albums.append(file.parameters)

        options = {"namespace": "ns-", "parameters": "album", "authorize": authorize}
        tab = await self.open("?album=a%26b", "flow", **options)
        path = self.file("a.bin", 2 * MIB + 5)
        await tab.drop("#drop", path)
        await tab.until(ALL_RECEIVED.format(1))
        self.assert_received(path)
        self.assertEqual(albums, [{"album": "a&b"}] * 4)

    async def test_drop_folder(self) -> None:
        """A folder that is dropped arrives with its folders, whatever it has in it."""
        tab = await self.open()
        paths = [self.file(f"photos/{name}", 10) for name in ("x/1", "x/y/2", "3")]
        paths += [self.file(f"photos/many/{number}", 1) for number in range(130)]
        await tab.drop("h1", self.files / "photos")
        await tab.until(ALL_RECEIVED.format(133))
        self.assert_received(*paths)

    async def test_choose_folder(self) -> None:
        """A folder that is chosen arrives with its folders, and is the one that is dropped."""
        tab = await self.open()
        paths = [self.file("photos/x/1", 10), self.file("photos/2", 20)]
        await tab.choose("#folder", self.files / "photos")
        await tab.until(ALL_RECEIVED.format(2))
        self.assert_received(*paths)
        await tab.reload()
        await tab.drop("#drop", self.files / "photos")
        await tab.until(ALL_RECEIVED.format(2))
        self.assert_received(*paths)
        self.assertEqual(self.receiver.requests("POST").total(), 2)

    async def test_pause_reload_and_resume(self) -> None:
        """
        What was paused goes on, and what was cut off by a reload goes on when the file is chosen
        again: no chunk that is stored is sent again.
        """
        tab = await self.open()
        path = self.file("big.bin", 40 * MIB)
        await tab.ask("Network.enable")
        slow = {"offline": False, "latency": 5, "downloadThroughput": -1}
        await tab.ask("Network.emulateNetworkConditions", uploadThroughput=16 * MIB, **slow)
        await tab.choose("#files", path)
        await until(lambda: self.receiver.requests("POST").total() >= 5)
        await tab.evaluate("document.querySelector('button').click()")
        self.assertEqual(await tab.text(".state"), ["Paused"])
        await tab.evaluate("new Promise((resolve) => setTimeout(resolve, 500))")
        paused = self.receiver.requests("POST").total()
        self.assertLess(paused, 30)
        self.assertEqual(await tab.text("button"), ["Resume"])
        await tab.evaluate("document.querySelector('button').click()")
        await until(lambda: self.receiver.requests("POST").total() >= paused + 5)
        await tab.reload()
        self.assertEqual(await tab.text(".name"), [])
        await tab.choose("#files", path)
        await tab.until("document.querySelector('progress')?.value > 10")
        await tab.until(ALL_RECEIVED.format(1))
        self.assert_received(path)
        accepted = [
            asked for asked in self.receiver.asked if (asked.method, asked.status) == ("POST", 200)
        ]
        self.assertEqual(len(accepted), 40)

    async def test_connection_dies(self) -> None:
        """A connection that dies without a FIN in the middle of a chunk is given up in time."""
        self.receiver = RecordingReceiver(self, self.folder / "received", "resumable", page=True)
        proxy = SilentProxy(self, self.receiver.port, silent_at=3, after=100_000)
        tab = await open_tab(self, "about:blank#")
        # Time goes faster: 30 seconds are two.
        faster = "(real => { setTimeout = (call, delay) => real(call, delay / 15); })(setTimeout)"
        await tab.ask("Page.addScriptToEvaluateOnNewDocument", source=faster + STATES)
        await tab.ask("Page.navigate", url=f"http://127.0.0.1:{proxy.own_port}/upload")
        await tab.until("document.getElementById('files') !== null && !!document.body.dataset")
        path = self.file("a.bin", 8 * MIB)
        await tab.choose("#files", path)
        await tab.until("[...states].some((each) => each.startsWith('No response'))")
        await tab.until(ALL_RECEIVED.format(1))
        self.assert_received(path)
        self.assertEqual(proxy.died, 1)
        self.assertEqual(proxy.unheard.split(b" ")[1], b"503", proxy.unheard)

    async def test_two_tabs(self) -> None:
        """Two tabs that upload the same 60 files at the same time both end, with no error."""
        tab = await self.open()
        other = await tab.another(self.receiver.url)
        paths = [self.file(f"many/{number}", number * 50_000) for number in range(60)]
        for each in (tab, other):
            # Nothing can be chosen in a tab that is not seen.
            await each.ask("Page.bringToFront")
            await each.choose("#folder", self.files / "many")
            await each.until("uploads.size === 60")
        for each in (tab, other):
            await each.until(ALL_RECEIVED.format(60))
        self.assert_received(*paths)

    async def test_name_that_is_html(self) -> None:
        """A name is shown as what it is, and runs nothing."""
        tab = await self.open()
        name = "<img src=x onerror=window.hit=1>&amp;.txt"
        await tab.drop("#drop", self.file(name, 4))
        await tab.until(ALL_RECEIVED.format(1))
        self.assertEqual(await tab.text(".name"), [name])
        self.assertEqual(await tab.evaluate("[document.images.length, window.hit]"), [0, None])
        self.assertEqual(tab.complaints(), [])

    async def test_keyboard(self) -> None:
        """The keyboard reaches both inputs and the button, in this order, and operates them."""
        tab = await self.open(authorize=lambda request, file: False)
        await tab.choose("#files", self.file("a.txt", 4))
        await tab.until("document.querySelector('.failed') !== null")
        await tab.evaluate("document.activeElement.blur()")
        focused = []
        for _ in range(3):
            await tab.press("Tab")
            focused.append(await tab.evaluate("document.activeElement.id || 'button'"))
        self.assertEqual(focused, ["files", "folder", "button"])
        self.assertEqual(await tab.text(".state"), ["this is not allowed"])
        asked = len(self.receiver.asked)
        await tab.press("Enter")
        await until(lambda: len(self.receiver.asked) > asked)
        await tab.ask("Page.setInterceptFileChooserDialog", enabled=True)
        await tab.evaluate("document.getElementById('files').focus()")
        await tab.press(" ")
        opened = "Page.fileChooserOpened"
        await until(lambda: any(event["method"] == opened for event in tab.events))

    async def test_screen_reader(self) -> None:
        """Everything has a name, and what changes is said."""
        tab = await self.open(authorize=lambda request, file: file.file_name == "a.txt")
        await tab.choose("#files", self.file("a.txt", 4), self.file("b.txt", 4))
        await tab.until("document.querySelector('.failed') !== null")
        await tab.until("document.querySelector('.completed') !== null")
        roles = await tab.roles()
        for found in (
            ("heading", "Upload files"),
            ("button", "Choose files"),
            ("button", "Choose a folder"),
            ("progressbar", "a.txt"),
            ("progressbar", "b.txt"),
            ("button", "Try again: b.txt"),
            ("StaticText", "1 of 2 received, 1 failed"),
        ):
            self.assertTrue(
                any(role == found[0] and name.startswith(found[1]) for role, name in roles),
                (found, roles),
            )
        summary = "document.getElementById('summary')"
        self.assertEqual(await tab.evaluate(f"{summary}.ariaLive"), "polite")

    async def test_login(self) -> None:
        """The browser's login is the page's."""
        checker = InMemoryUsernamePasswordDatabaseDontUse(alice=b"secret")
        owners: list[str] = []
        login = Login(checker)

        async def owner(request: Any) -> str:
            owners.append(await login(request))
            return owners[-1]

        self.receiver = RecordingReceiver(
            self, self.folder / "received", "resumable", page=True, owner=owner
        )
        tab = await open_tab(self, self.receiver.url.replace("//", "//alice:secret@"))
        path = self.file("a.bin", MIB + 1)
        await tab.drop("#drop", path)
        await tab.until(ALL_RECEIVED.format(1))
        self.assert_received(path)
        self.assertEqual(set(owners), {"alice"})

    async def test_changed_meanwhile(self) -> None:
        """A file that is removed before it is sent fails, and says so."""
        tab = await self.open()
        path = self.file("a.bin", 4 * MIB)
        await tab.ask("Network.enable")
        offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        await tab.ask("Network.emulateNetworkConditions", offline=True, **offline)
        await tab.choose("#files", path)
        state = "document.querySelector('.state')?.textContent ?? ''"
        await tab.until(f"({state}).startsWith('No connection')")
        path.unlink()
        await tab.ask("Network.emulateNetworkConditions", offline=False, **offline)
        await tab.until("document.querySelector('.failed') !== null")
        self.assertIn("cannot be read", (await tab.text(".state"))[0])
