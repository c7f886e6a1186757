"""Where the control is."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from http.client import HTTPConnection
from tempfile import mkdtemp
from typing import Any

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.control_rig import FakeService
from tests.journal_rig import JournalTestCase
from tests.processes import until
from txresumable._runtime.observers import observers_of
from txresumable.push import ControlService, ControlSettings

TOKEN = "a-token-of-sixteen-or-more"


class ControlServiceTests(JournalTestCase):
    """What is listened on."""

    def control(self, **options: Any) -> ControlService:
        """A control that has started."""
        self.reactor = MemoryReactorClock()
        settings = ControlSettings(**options)
        control = ControlService(settings, FakeService(self), reactor=self.reactor)
        control.startService()
        self.addCleanup(control.stopService)
        return control

    def test_port(self) -> None:
        """It listens on the port, on the interface that is given."""
        self.control(socket=None, port=8000, token=TOKEN)
        [(port, _, _, interface)] = self.reactor.tcpServers
        self.assertEqual((port, interface), (8000, "127.0.0.1"))
        self.assertEqual(self.reactor.unixServers, [])

    def test_socket(self) -> None:
        """It listens on the socket, which is its owner's."""
        path = os.path.abspath("control")
        mask = os.umask(0o022)
        self.addCleanup(os.umask, mask)
        self.control(socket=path)
        [(address, _, _, mode, _)] = self.reactor.unixServers
        self.assertEqual((address, mode), (path, 0o600))
        self.assertEqual(os.umask(0o022), 0o022)
        self.assertEqual(self.reactor.tcpServers, [])

    def test_stop(self) -> None:
        """When it has stopped, nothing is left, and no timer."""
        control = self.control(socket=None, port=8000, token=TOKEN)
        self.successResultOf(control.stopService())
        self.assertEqual(control.ports, [])


class SocketTests(TestCase):
    """A real socket."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        # The path of a socket has to be short.
        folder = mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        self.path = os.path.join(folder, "control")
        case: Any = JournalTestCase()
        case.setUp()
        self.addCleanup(case.tearDown)
        self.service = FakeService(case)

    def control(self) -> ControlService:
        """A control on the socket."""
        settings = ControlSettings(socket=self.path)
        control = ControlService(settings, self.service, reactor=self.reactor)
        self.addCleanup(control.stopService)
        control.startService()
        return control

    async def ask(self, path: str = "/healthz") -> bytes:
        """Ask for something."""
        content: bytes = await deferToThread(_ask, self.path, path)
        return content

    async def test_restart(self) -> None:
        """It may be stopped and started; the socket is only its owner's, and gone afterwards."""
        control = self.control()
        for _ in range(2):
            self.assertEqual(await self.ask(), b'{"status": "ok"}\n')
            self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
            await control.stopService()
            self.assertFalse(os.path.exists(self.path))
            control.startService()

    async def test_reloaded(self) -> None:
        """
        Other settings are in force as soon as the service goes by them, whatever the socket, and
        who is connected has a moment to read the last response.
        """
        control = self.control()
        with socket.socket(socket.AF_UNIX) as connected:
            connected.connect(self.path)
            await deferToThread(_get, connected, "/healthz")
            self.use(ControlSettings(socket=self.path, page=True))
            self.use(ControlSettings(socket=self.path, page=True))
            await until(lambda: control.ports)
            self.assertIn(b"<html", await self.ask("/"))
            content = await deferToThread(_get, connected, "/status")
            self.assertIn(b'"pid": 7', content)
            connected.settimeout(10)
            self.assertEqual(await deferToThread(connected.recv, 1), b"")
        old, self.path = self.path, os.path.join(os.path.dirname(self.path), "new", "control")
        self.use(ControlSettings(socket=old))
        self.use(ControlSettings(socket=self.path))
        await until(lambda: control.ports)
        self.assertEqual(await self.ask(), b'{"status": "ok"}\n')
        self.assertFalse(os.path.exists(old))

    def use(self, settings: ControlSettings) -> None:
        """The service has other settings."""
        self.service.settings = evolve(self.service.settings, control=settings)
        observers_of(self.service.reloaded).notify()

    async def test_stopped_while_it_moves(self) -> None:
        """It listens on nothing then."""
        control = self.control()
        self.use(ControlSettings(socket=self.path, page=True))
        await control.stopService()
        self.assertEqual((control.ports, os.path.exists(self.path)), ([], False))

    async def test_after_a_crash(self) -> None:
        """A socket that nobody listens on any more is replaced."""
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(self.path)
        self.control()
        self.assertEqual(await self.ask(), b'{"status": "ok"}\n')

    async def test_taken(self) -> None:
        """A socket that somebody listens on is left alone, and that is reported."""
        first = self.control()
        second = self.control()
        self.assertEqual((len(first.ports), len(second.ports)), (1, 0))
        self.assertEqual(await self.ask(), b'{"status": "ok"}\n')
        self.assertTrue(os.path.exists(self.path))

    async def test_file(self) -> None:
        """A file that is no socket is left alone."""
        with open(self.path, "w") as file:
            file.write("mine")
        self.assertEqual(self.control().ports, [])
        with open(self.path) as file:
            self.assertEqual(file.read(), "mine")


def _ask(path: str, url: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(path)
        return _get(asking, url)


def _get(asking: socket.socket, url: str) -> bytes:
    connection = HTTPConnection("localhost")
    connection.sock = asking
    connection.request("GET", url)
    return connection.getresponse().read()
