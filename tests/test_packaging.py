"""
Tests for what is around the package: metadata, plugins, and the scripts of ``.ci/``.
"""

from __future__ import annotations

import io
import re
import runpy
from importlib import import_module
from importlib.metadata import metadata, requires, version
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.plugin import IPlugin, getPlugins
from twisted.trial.reporter import Reporter
from twisted.trial.unittest import SkipTest, SynchronousTestCase
from zope.interface.verify import verifyObject

import txresumable
from tests.examples import ROOT

_PLUGINS = ROOT / "twisted" / "plugins"


class MetadataTests(SynchronousTestCase):
    """What pip is told."""

    def test_one_version(self) -> None:
        """The package and its metadata have the same version."""
        self.assertEqual(version("txresumable"), txresumable.__version__)

    def test_lowest_versions_are_those_that_are_tested(self) -> None:
        """Each lower bound on what users install is a version that the suite is run with."""
        pinned = dict(
            line.split("==")
            for line in (ROOT / ".ci" / "lowest.txt").read_text().splitlines()
            if "==" in line
        )
        bounds = {}
        for requirement in requires("txresumable") or []:
            match = re.match(
                r"([\w-]+)(?:\[[\w,]+\])?>=([\d.]+)(?:; *extra *== *['\"](\w+))?", requirement
            )
            if match is not None and match[3] in (None, "command", "receiver"):
                bounds[match[1].lower()] = match[2]
        self.assertLessEqual(
            {"attrs", "click", "multipart", "rich", "treq", "twisted"}, set(bounds)
        )
        for name, bound in bounds.items():
            self.assertEqual(_numbers(pinned[name]), _numbers(bound), name)

    def test_oldest_python(self) -> None:
        """Python 3.10 is enough."""
        self.assertEqual(metadata("txresumable")["Requires-Python"], ">=3.10")

    def test_typed(self) -> None:
        """Type checkers are told that there are types."""
        self.assertTrue((Path(txresumable.__file__).parent / "py.typed").is_file())


class PluginTests(SynchronousTestCase):
    """The two services that twistd lists."""

    def test_folder_is_no_package(self) -> None:
        """The folder of plugins has no ``__init__.py``, which would hide Twisted's own."""
        self.assertEqual([path.name for path in _PLUGINS.glob("*.py")], ["txresumable_plugins.py"])

    def test_twistd_finds_them(self) -> None:
        """Twisted's plugin system has both services, beside its own."""
        names = {plugin.tapname for plugin in getPlugins(IServiceMaker)}
        self.assertLessEqual({"resumable-upload", "resumable-receive", "web"}, names)

    def test_they_are_service_makers(self) -> None:
        """Each plugin names a module with options and a service."""
        found = runpy.run_path(str(_PLUGINS / "txresumable_plugins.py"))
        for plugin in (found["upload"], found["receive"]):
            verifyObject(IServiceMaker, plugin)
            self.assertTrue(IPlugin.providedBy(plugin))
            module = import_module(plugin.module)
            self.assertTrue(callable(module.makeService))
            self.assertIn("--help", str(module.Options()))


class SummaryTests(SynchronousTestCase):
    """The line on which ``.ci/run`` ends."""

    def setUp(self) -> None:
        summary = runpy.run_path(str(ROOT / ".ci" / "summary.py"))
        self.count, self.failures = summary["count"], summary["failures"]

    def test_passed(self) -> None:
        """A run that passed is counted."""
        found = self.count("noise\nRan 3 tests in 0.1s\n\nPASSED (skips=1, successes=2)\n")
        self.assertEqual(dict(found), {"ran": 3, "skips": 1, "successes": 2})

    def test_failed(self) -> None:
        """Failures and errors are counted apart."""
        found = self.count("Ran 3 tests in 0.1s\n\nFAILED (failures=1, errors=1, successes=1)\n")
        self.assertEqual(dict(found), {"ran": 3, "failures": 1, "errors": 1, "successes": 1})

    def test_nothing_ran(self) -> None:
        """A log without a run has no tests."""
        self.assertEqual(self.count("make: *** [test] Error 2\n")["ran"], 0)

    def test_names(self) -> None:
        """The tests that failed are named, with why, as trial groups them."""

        class Some(SynchronousTestCase):
            def test_one(self) -> None:
                self.fails()

            def test_two(self) -> None:
                self.fails()

            def test_skipped(self) -> None:
                raise SkipTest("not here")

            def test_fine(self) -> None:
                pass

            def fails(self) -> None:
                raise OSError("port in use")

        log = io.StringIO()
        reporter = Reporter(log)
        for name in ("one", "two", "skipped", "fine"):
            Some(f"test_{name}").run(reporter)
        reporter.done()
        # A class of a function has a name that trial's own loader never meets.
        text = log.getvalue().replace("<locals>.", "")
        named = [f"{Some.__module__}.{Some.__qualname__}.test_{name}" for name in ("one", "two")]
        expected = [f"{name}: builtins.OSError: port in use" for name in named]
        self.assertEqual(self.failures(text), [each.replace("<locals>.", "") for each in expected])


def _numbers(text: str) -> list[int]:
    """A version as numbers, without zeros at its end."""
    numbers = [int(part) for part in text.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers
