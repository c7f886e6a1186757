"""
The public API as type checkers see it: what users get wrong is found, and nothing else is.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from inspect import getsource, isfunction
from pathlib import Path
from typing import Any
from unittest import SkipTest

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.examples import ROOT
from txresumable.options import Options, ResumableOptions

FOLDER = ROOT / "tests" / "typed"
CORRECT, FAULTS = FOLDER / "correct.py", FOLDER / "faults.py"

PUBLIC = (
    "txresumable",
    "txresumable.doctor",
    "txresumable.errors",
    "txresumable.events",
    "txresumable.identifiers",
    "txresumable.receiver",
    "txresumable.retry",
    "txresumable.service",
    "txresumable.testing",
)

Errors = dict[Path, dict[int, str]]
"""What is wrong in each file, by the line."""


def by_mypy() -> Errors:
    """
    What mypy finds, as users run it: strict, without a plugin for zope's interfaces.  Much of
    Twisted has no types, so that untyped calls cannot be avoided.
    """
    said = _run("mypy", "--strict", "--allow-untyped-calls", "--config-file=", "--output=json")
    found: Errors = {CORRECT: {}, FAULTS: {}}
    for each in map(json.loads, said.splitlines()):
        if each["severity"] == "error" and ROOT / each["file"] in found:
            found[ROOT / each["file"]][each["line"]] = each["message"]
    return found


def by_pyright() -> Errors:
    """What pyright finds."""
    said = _run("pyright", "--outputjson", "--pythonpath", sys.executable)
    found: Errors = {CORRECT: {}, FAULTS: {}}
    for each in json.loads(said)["generalDiagnostics"]:
        if each["severity"] == "error":
            found[Path(each["file"])][each["range"]["start"]["line"] + 1] = each["message"]
    return found


def _run(checker: str, *options: str) -> str:
    if find_spec(checker) is None:
        raise SkipTest(f"{checker} is not installed")
    command = [sys.executable, "-m", checker, *options, str(CORRECT), str(FAULTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=ROOT)
    if done.returncode not in (0, 1) or not done.stdout:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


class CheckerTests(SynchronousTestCase):
    """Programs of users under mypy and pyright."""

    def check(self, found: Errors) -> None:
        planted = {}
        for number, line in enumerate(FAULTS.read_text().splitlines(), 1):
            if mark := re.search("# fault: (.+)$", line):
                planted[number] = mark[1]
        self.assertGreater(len(planted), 21)
        self.assertEqual(found[CORRECT], {})
        self.assertEqual({n: why for n, why in planted.items() if n not in found[FAULTS]}, {})
        self.assertEqual({n: why for n, why in found[FAULTS].items() if n not in planted}, {})

    def test_mypy(self) -> None:
        """mypy finds each planted fault, and has nothing to say of what is correct."""
        self.check(by_mypy())

    def test_pyright(self) -> None:
        """So does pyright."""
        self.check(by_pyright())


def public() -> Iterator[tuple[str, Any, Any]]:
    """
    Each public function and each public method of a class, with its name and with what has its
    source: for an ``__init__`` that attrs made, the class.
    """
    for module in map(import_module, PUBLIC):
        for name in module.__all__:
            thing = getattr(module, name)
            if isfunction(thing):
                yield f"{module.__name__}.{name}", thing, thing
            for method, found in vars(thing).items() if isinstance(thing, type) else ():
                function = getattr(found, "fget", getattr(found, "__func__", found))
                if isfunction(function) and (method[0] != "_" or method == "__init__"):
                    made = method == "__init__" and attrs.has(thing)
                    yield (
                        f"{module.__name__}.{name}.{method}",
                        function,
                        thing if made else function,
                    )


class SignatureTests(SynchronousTestCase):
    """What is public is typed."""

    def test_any(self) -> None:
        """``Any`` stands in a public signature only where a comment says why."""
        seen, loose = 0, []
        for name, function, source in public():
            seen += 1
            types = " ".join(map(str, function.__annotations__.values()))
            if re.search(r"\bAny\b", types) and "# Any" not in getsource(source):
                loose.append(name)
        self.assertGreater(seen, 150)
        self.assertEqual(loose, [])


class OptionsTests(SynchronousTestCase):
    """The arguments of ``Resumable`` are its options."""

    def test_same_options(self) -> None:
        """Each option but ``target`` is an argument of the same type, or of what is converted."""
        converted = {
            "expect_response": "str | Expected | None",
            "file_type": "str | Iterable[str]",
            "success_statuses": "Iterable[int] | None",
            "permanent_errors": "Iterable[int] | None",
        }
        options = {
            field.name: converted.get(field.name, field.type)
            for field in attrs.fields(Options)
            if field.name != "target"
        }
        for field in attrs.fields(Options):
            self.assertEqual(field.converter is not None, field.name in converted, field.name)
        arguments = {
            name: each.__forward_arg__ for name, each in ResumableOptions.__annotations__.items()
        }
        self.assertEqual(arguments, options)
