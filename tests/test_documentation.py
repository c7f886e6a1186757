"""
Tests for ``README.rst`` and ``docs/``: every example in them works, and the tables are complete.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import shlex
import sys
from collections.abc import Awaitable, Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SynchronousTestCase, TestCase

import txresumable
from tests.example_site import ExampleSite
from tests.examples import ROOT, Example, examples, pages
from txresumable import Resumable, Signal
from txresumable._cli.tap import Options as UploadOptions
from txresumable._cli.upload import upload_command
from txresumable._protocol.dialect import DIALECTS
from txresumable.events import Events
from txresumable.options import Options
from txresumable.push import FolderSettings
from txresumable.push.delivery.facts import FACTS, facts_of
from txresumable.push.entry import Entry, Version
from txresumable.push.state import STORED
from txresumable.receiver import ReceivedFile, Store, make_site
from txresumable.receiver.tap import Options as ReceiverOptions

_FILES = {
    "my_file.dat": 2_500_000,
    "a.dat": 300_000,
    "b.dat": 200_000,
    "photos/beach.jpg": 50_000,
    "photos/2026/sunset.jpg": 60_000,
}
_OURS = ("python", "twistd", "txresumable")
_CAPTIONS = ("outbox.py", "push.toml", "receiver.tac", "sent.py", "test_pictures.py", "upload.tac")
_SHOWN_ONLY = ("git", "make", "pip")


class PageTests(TestCase):
    """The examples of each page, in order, in a folder with files to upload."""

    timeout = 180

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        before = Path.cwd()
        folder.mkdir(parents=True)
        os.chdir(folder)
        self.addCleanup(os.chdir, before)
        self.folder = Path.cwd()
        for name, size in _FILES.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(size))
        self.site = ExampleSite(reactor, self.folder)
        self.addCleanup(self.site.close)
        self.printed: list[str] = []
        self.names: dict[str, Any] = {
            "__name__": "example",
            "printed": self.printed,
            "print": lambda *things, **how: self.printed.append(" ".join(map(str, things))),
            "reactor": reactor,
            "arrived": self.arrived,
            "site": self.site,
            "stored": self.site.stored,
            "test": self,
        }
        self.note_uploaders()

    def arrived(self, name: str) -> None:
        """A file has arrived as it is; the next example finds another in its place."""
        path = self.folder / name
        self.assertEqual(self.site.stored(name), path.read_bytes())
        self.site.received.clear()
        path.write_bytes(os.urandom(_FILES[name]))

    async def close_uploaders(self) -> None:
        """Pages need not show that an uploader is closed when its program ends."""
        for uploader in self.uploaders:
            await uploader.close()

    def note_uploaders(self) -> None:
        make = Resumable.__init__

        def noted(uploader: Resumable, *args: Any, **options: Any) -> None:
            make(uploader, *args, **options)
            self.uploaders.append(uploader)

        self.uploaders: list[Resumable] = []
        self.patch(Resumable, "__init__", noted)
        self.addCleanup(self.close_uploaders)

    async def run_page(self, page: Path) -> None:
        for example in examples(page):
            if not example.works_here:
                continue
            if example.file is not None:
                (self.folder / example.file).write_text(self.site.localize(example.padded))
            elif example.is_program:
                await self.run_program(example)
            elif example.language == "python":
                await self.run_fragment(example)
            elif example.language == "console":
                await self.run_commands(example)

    async def run_fragment(self, example: Example) -> None:
        code = compile(
            self.site.localize(example.padded),
            str(example.page),
            "exec",
            flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
        )
        result = eval(code, self.names)
        if code.co_flags & inspect.CO_COROUTINE:
            await ensureDeferred(result)

    async def run_program(self, example: Example) -> None:
        script = self.folder / f"{example.page.stem}_{example.line}.py"
        script.write_text(self.site.localize(example.padded))
        await self.run_process(sys.executable, [str(script)])

    async def run_commands(self, example: Example) -> None:
        for command in example.commands:
            program, *arguments = shlex.split(self.site.localize(command))
            self.assertIn(program, _OURS + _SHOWN_ONLY, f"{example.page}:{example.line}")
            if program in _SHOWN_ONLY or (program == "python" and arguments[0] != "-m"):
                continue
            path = str(Path(sys.executable).with_name(program))
            if _serves(arguments):
                server = await Server.start(path, arguments, self.folder)
                self.addCleanup(server.stop)
            else:
                await self.run_process(path, arguments)

    async def run_process(self, program: str, arguments: list[str]) -> None:
        output, errors, code = await getProcessOutputAndValue(
            program, arguments, env=_environment(), path=str(self.folder)
        )
        self.printed.append(output.decode())
        said = f"{program} {arguments}:\n{output.decode()}{errors.decode()}"
        self.assertEqual(code, 0, said)


class Server(ProcessProtocol):
    """
    A process of the page's that serves until the page ends.
    """

    def __init__(self) -> None:
        self.ready: Deferred[Server] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self._said = b""

    @classmethod
    def start(cls, program: str, arguments: list[str], folder: Path) -> Deferred[Server]:
        """Fires with the server when it listens."""
        server = cls()
        reactor.spawnProcess(  # type: ignore[attr-defined]
            server, program, [program, *arguments], env=_environment(), path=str(folder)
        )
        return server.ready

    def outReceived(self, data: bytes) -> None:
        self._said += data
        if re.search(b"Receiving at|Watching [0-9]", self._said) and not self.ready.called:
            self.ready.callback(self)

    errReceived = outReceived

    def stop(self) -> Deferred[None]:
        """Fires when it has ended."""
        self.transport.signalProcess("TERM")  # type: ignore[union-attr]
        return self.ended

    def processEnded(self, reason: Any) -> None:
        if not self.ready.called:
            self.ready.errback(RuntimeError(self._said.decode()))
        reason.trap(ProcessTerminated, Exception)
        self.ended.callback(None)


def _page_test(page: Path) -> Callable[[PageTests], Awaitable[None]]:
    async def test(self: PageTests) -> None:
        await self.run_page(page)

    test.__doc__ = f"The examples of {page.name} do what they say."
    return test


for _page in pages():
    setattr(PageTests, f"test_{_page.stem.replace('-', '_')}", _page_test(_page))


class ExampleTests(SynchronousTestCase):
    """How examples are told from what surrounds them."""

    def test_every_block_is_found(self) -> None:
        """No block of Python or of commands on any page is passed over."""
        for page in pages():
            written = len(re.findall(r"code-block:: (?:python|console)", page.read_text()))
            written += len(re.findall(r"^ *\.\. test:$", page.read_text(), re.M))
            found = [each for each in examples(page) if each.language in ("python", "console")]
            self.assertEqual(len(found), written, page.name)
            self.assertTrue(all(each.code.strip() for each in found), page.name)

    def test_lines_are_those_of_the_page(self) -> None:
        """What goes wrong in an example is reported with its line on the page."""
        first = next(iter(examples(ROOT / "README.rst")))
        lines = (ROOT / "README.rst").read_text().splitlines()
        self.assertEqual(lines[first.line].strip(), first.code.splitlines()[0])

    def test_programs(self) -> None:
        """What runs the reactor is a program, and what awaits is not."""
        kinds = [
            ("react(main)\n", True),
            ("@react\n", True),
            ("crochet.setup()\n", True),
            ("await upload\n", False),
        ]
        for code, expected in kinds:
            self.assertEqual(Example(ROOT, 0, "python", code).is_program, expected, code)

    def test_files(self) -> None:
        """A block with a caption is a file, and no other is."""
        named = {each.file: each for page in pages() for each in examples(page)}
        self.assertEqual(set(named), set(_CAPTIONS) | {None})
        self.assertIn("application = ", named["upload.tac"].code)

    def test_commands(self) -> None:
        """A backslash continues a command, and what a command prints is none."""
        example = Example(ROOT, 0, "console", "$ twistd \\\n  --help\noutput\n$ make test\n")
        self.assertEqual(
            [c.split() for c in example.commands], [["twistd", "--help"], ["make", "test"]]
        )


class TableTests(SynchronousTestCase):
    """What pages list is there, and what is there is listed."""

    def test_options_have_their_defaults(self) -> None:
        """The page on configuration has each option once, with the default that it has."""
        documented = dict(
            re.findall(
                r"^``(\w+)`` \((?:default ``(.*)``|required)\)$", _text("configuration"), re.M
            )
        )
        real = {}
        for field in attrs.fields(Options):
            value = getattr(_default_options(), field.name)
            shown = value.__name__ if callable(value) else repr(value)
            real[field.name] = "" if field.default is attrs.NOTHING else shown
        self.assertEqual(documented, real)

    def test_names_of_resumable_js_are_there(self) -> None:
        """Each name that the page on resumable.js gives for one of its own exists."""
        text = _text("coming-from-resumable-js")
        uploader = Resumable("https://example.com/upload", reactor=reactor)
        options = {field.name for field in attrs.fields(Options)}
        self.assertEqual(_missing(text, "Options", options), [])
        self.assertEqual(_missing(text, "Events", set(dir(uploader))), [])
        self.assertEqual(_missing(text, "The uploader", set(dir(uploader))), [])
        self.assertEqual(_missing(text, "A file", set(dir(txresumable.ResumableFile))), [])
        self.assertEqual(_missing(text, "A chunk", set(dir(txresumable.ResumableChunk))), [])

    def test_public_modules_are_listed(self) -> None:
        """The page on versions has each module of which something is documented, and no other."""
        documented = {"txresumable"}
        for page in pages():
            names = re.findall(r"^\.\. auto\w+:: (txresumable[\w.]*)", page.read_text(), re.M)
            documented |= {re.findall(r"txresumable(?:\.[a-z]+\b)?", name)[0] for name in names}
        public = _text("versions").partition("What is public\n")[2].partition("\n\n")[2]
        listed = set(re.findall(r"``(txresumable[a-z.]*)``", public.partition("\n\n")[0]))
        self.assertEqual(listed, documented)

    def test_options_of_the_run(self) -> None:
        """The page on the service has each option of the command that twistd's has not."""
        ours = {name for each in upload_command().params for name in each.opts if "--" in name}
        theirs = {f"--{name.rstrip('=')}" for name in UploadOptions().longOpt}
        text = _text("service").partition("What is about the run")[2].partition("The options")[0]
        self.assertEqual(set(re.findall(r"``(--[\w-]+)``", text)), ours - theirs)

    def test_fields_of_received_files(self) -> None:
        """The page on the receiver has each field of the JSON that commands and URLs get."""
        text = (
            _text("receiver").partition('--on-complete "COMMAND')[2].partition("The client gets")[0]
        )
        fields = {field.name for field in attrs.fields(ReceivedFile)}
        self.assertEqual(set(re.findall(r"``(\w+)``", text)), fields)

    def test_every_error_is_explained(self) -> None:
        """The page on errors has each public type of error."""
        from txresumable import errors

        text = _text("errors")
        self.assertEqual([n for n in errors.__all__ if n[0].isupper() and n not in text], [])

    def test_signals_are_explained(self) -> None:
        """The page on callbacks has each signal of an uploader."""
        signals = {name for name, each in vars(Events()).items() if isinstance(each, Signal)}
        documented = set(re.findall(r"^   \* - ``(\w+)\(", _text("callbacks"), re.M))
        self.assertEqual(signals - documented, set())

    def test_facts_are_explained(self) -> None:
        """Each fact that a command is given is explained, on the page and in the manual."""
        blank: Any = {field.name: "" for field in attrs.fields(Entry)}
        blank |= {"path": b"b", "version": Version(1, 2, 3), "state": STORED, "location": b""}
        entry = Entry(**blank)
        given = facts_of(entry, FolderSettings(name="a", path="/a", target="b"))
        self.assertEqual(list(given), list(FACTS))
        self.assertIn("\n.. hook-facts::\n", _text("push"))
        manual = (ROOT / "contrib" / "man" / "txresumable.1").read_text(encoding="utf-8")
        named = re.findall(r"^\\fB(\w+)\\fR, \\fBTXRESUMABLE_(\w+)\\fR$", manual, re.M)
        self.assertEqual(named, [(name, name.upper()) for name in given])

    def test_limits_have_their_defaults(self) -> None:
        """The page on security has each limit of the receiver with its defaults."""
        rows = re.findall(
            r"^     - (.*)\n     - ``--([\w-]+)``, ``(\w+)=(.*)``$",
            _text("receiver-security"),
            re.M,
        )
        parameters = {**signature(Store).parameters, **signature(make_site).parameters}
        command_line = {name: value for name, _, value, *_ in ReceiverOptions.optParameters}
        limits = ("max-", "min-", "quota", "expire", "on-complete-timeout")
        for shown, option, argument, default in rows:
            self.assertEqual(default, repr(parameters[argument].default), argument)
            written = re.findall("``(.*)``", shown)
            real = command_line[option]
            self.assertEqual(written, [] if real is None else [str(real)], option)
        self.assertEqual(
            sorted(option for _, option, _, _ in rows),
            sorted(name for name in command_line if name.startswith(limits)),
        )

    def test_every_status_is_listed(self) -> None:
        """The page on responses has each status that the receiver has, and no other."""
        listed = set(re.findall(r"^   \* - (\d+)(?: \((\d+))?", _text("receiver-responses"), re.M))
        documented = {int(status) for pair in listed for status in pair if status}
        self.assertEqual(documented, set(_statuses()) | {each.absent for each in DIALECTS.values()})


def _serves(arguments: list[str]) -> bool:
    return (
        "receiver.tac" in arguments
        or arguments[:1] == ["push"]
        or ("resumable-receive" in arguments and "--help" not in arguments)
    )


def _environment() -> dict[str, str]:
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": paths}


def _statuses() -> Iterator[int]:
    """The statuses that the source of the receiver has."""
    for path in (ROOT / "txresumable" / "receiver").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("Refused", "Response")
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                yield node.args[0].value


def _text(page: str) -> str:
    return (ROOT / "docs" / f"{page}.rst").read_text(encoding="utf-8")


def _default_options() -> Options:
    return Options(target="https://example.com/upload")


def _missing(text: str, section: str, known: set[str]) -> list[str]:
    """The first name on the right of each row of a section's table that is not known."""
    body = re.split(rf"^{section}\n-+$", text, flags=re.M)[1]
    body = re.split(r"^\S.*\n-+$", body, flags=re.M)[0]
    rows = re.findall(r"^     - ``(\w+)[(`]", body, re.M)
    assert rows, section
    return [name for name in rows if name not in known | {"txresumable", "Resumable", "uploader"}]
