"""The page of the push service, in Chromium."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from tests.control_rig import FakeService
from tests.journal_rig import seen
from txresumable.push import ControlService, ControlSettings, Entry, Journal, PushState

from .devtools import Tab, open_tab
from .install import BROWSER, why_not_installed
from .scenarios import folder_for, require

TOKEN = "a-token-of-sixteen-or-more"
EVIL = "<img src=x onerror=\"document.title='broken'\"><b>x.dcm"


class PushPageTests(TestCase):
    """What operators see and do."""

    timeout = 120.0

    async def open(self, fragment: str = f"#token={TOKEN}") -> Tab:
        """Start the control of a service, and open its page."""
        from twisted.internet import reactor

        require(self, why_not_installed(BROWSER))
        listening: Any = reactor
        self.state = str(folder_for(self) / "state")
        self.journal = await Journal.open(self.state, reactor=reactor)
        self.addCleanup(self.journal.close)
        self.service = FakeService(self)  # type: ignore[arg-type]
        settings = ControlSettings(socket=None, port=1, token=TOKEN, page=True)
        control = ControlService(settings, self.service, reactor=AnyPort(listening))
        control.startService()
        self.addCleanup(control.stopService)
        self.url = f"http://127.0.0.1:{control.ports[0].getHost().port}/"
        await self.fill()
        return await open_tab(self, self.url + fragment)

    async def fill(self) -> None:
        """Files in several states."""
        names = [EVIL, "b.dcm", "c.dcm", "d.dcm"]
        seens = [seen(name, 1 << 20, is_marked=True) for name in names]
        await self.journal.observe("scans", seens)
        self.files: list[Entry] = await self.journal.take("scans", 3)
        first, second, third = self.files
        await self.journal.move(first.id, PushState.FAILED, why="the server <i>refused</i> it")
        until = self.journal.seconds() + 4e9
        await self.journal.move(second.id, PushState.WAITING, why="out of room", until=until)
        self.service.sending = {str(third.id): 0.5}

    async def test_shown(self) -> None:
        """What failed is first; names are text; bars, reasons and times are there."""
        tab = await self.open()
        await tab.until("document.querySelectorAll('#groups li').length === 4")
        await tab.until("document.querySelector('progress:not([hidden])').value === 0.5")
        summaries = await tab.text("details:not([hidden]) summary")
        wanted = ["Failed (1)", "Waiting to be tried again (1)", "Uploading (1)", "Queued (1)"]
        self.assertEqual(summaries, wanted)
        self.assertEqual((await tab.text("#groups .name"))[0], EVIL)
        self.assertEqual(await tab.evaluate("document.title"), "Watched folders")
        facts = await tab.text("#groups .facts")
        self.assertIn("the server <i>refused</i> it", facts[0])
        self.assertRegex(facts[1], r"out of room · until ")
        self.assertEqual(await tab.evaluate("location.hash"), "")
        self.assertEqual(tab.complaints(), [])

    async def test_queue(self) -> None:
        """What is in a queue of several machines is shown, and why it cannot be used."""
        tab = await self.open()
        await tab.until("document.querySelectorAll('#groups li').length === 4")
        self.assertTrue(await tab.evaluate("document.getElementById('queue').hidden"))
        jobs = {"scans": {"queued": 3, "done": 1}, "b": {"queued": 1, "claimed": 2}}
        facts = {"outages": 1, "lost": 0, "sending": {"7": 0.5}, "jobs": jobs}
        self.service.queue = {"trouble": "no <b>route</b>", **facts}
        await tab.until("!document.getElementById('queue').hidden")
        counts = "4 queued, 2 claimed, 1 done, 0 failed; 1 of them claimed by this one"
        self.assertEqual(await tab.text("#queue"), [f"Queue of all machines: {counts}."])
        self.assertEqual(await tab.text("#trouble"), ["The queue: no <b>route</b>"])

    async def test_events(self) -> None:
        """What changes is shown without a reload."""
        tab = await self.open()
        await tab.until("document.querySelectorAll('#groups li').length === 4")
        await self.journal.move(self.files[2].id, PushState.STORED, PushState.HOOK)
        title = "'Stored, and being reported or moved (1)'"
        await tab.until(
            f"[...document.querySelectorAll('details:not([hidden]) summary')].some("
            f"(each) => each.textContent === {title})"
        )

    async def test_keyboard(self) -> None:
        """A file is retried, and everything paused, by keys; screen readers get names."""
        tab = await self.open()
        await tab.until("document.querySelectorAll('#groups li').length === 4")
        roles = await tab.roles()
        for role, name in (
            ("button", "Pause"),
            ("button", f"Retry {EVIL}"),
            ("progressbar", "Progress of c.dcm"),
            ("list", "Failed"),
        ):
            self.assertIn((role, name), roles)
        self.assertTrue([name for role, name in roles if name.startswith("Rate in the last")])
        await tab.evaluate("document.querySelector('#groups button').focus()")
        await tab.press("Enter")
        await tab.until("document.getElementById('done').textContent.endsWith(': done.')")
        entry = await self.journal.entry(self.files[0].id)
        self.assertIs(entry.state, PushState.QUEUED)
        await tab.evaluate("document.getElementById('pause').focus()")
        await tab.press(" ")
        await tab.until("document.getElementById('pause').textContent === 'Resume'")
        self.assertTrue(self.service.is_paused)

    async def test_login(self) -> None:
        """Without the token nothing is shown; with it, everything."""
        tab = await self.open("")
        await tab.until("!document.getElementById('login').hidden")
        self.assertEqual(await tab.text("#groups li"), [])
        self.assertTrue(await tab.evaluate("document.getElementById('service').hidden"))
        await tab.evaluate(f"document.getElementById('token').value = '{TOKEN}'")
        await tab.evaluate("document.querySelector('#login button').click()")
        await tab.until("document.querySelectorAll('#groups li').length === 4")

    async def test_many(self) -> None:
        """With 10,000 files it stays small and quick, and all of them can be looked at."""
        tab = await self.open()
        for start in range(0, 10_000, 500):
            files = [seen(f"file-{start + index}", is_marked=True) for index in range(500)]
            await self.journal.observe("scans", files)
        queued = "document.querySelector('details:has(ul[aria-label=Queued])')"
        await tab.until(f"{queued}.querySelector('summary').textContent === 'Queued (10001)'")
        await tab.until(f"{queued}.querySelectorAll('li').length === 100")
        await tab.evaluate(f"{queued}.querySelector(':scope > button').click()")
        await tab.until(f"{queued}.querySelectorAll('li').length === 200")
        spent = await tab.evaluate(
            "(async () => { let longest = 0; for (let turn = 0; turn < 50; turn++) {"
            "const began = performance.now(); await new Promise((next) => setTimeout(next));"
            "longest = Math.max(longest, performance.now() - began); } return longest; })()"
        )
        self.assertLess(spent, 500)
        self.assertEqual(tab.complaints(), [])


class AnyPort:
    """The reactor, which listens on any port instead of the one that is wanted."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def listenTCP(self, port: int, factory: Any, **options: Any) -> Any:
        return self._reactor.listenTCP(0, factory, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)
