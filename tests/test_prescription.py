"""Tests for how the doctor writes down what was found."""

from __future__ import annotations

import importlib
import json
from typing import Any
from unittest import SkipTest

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from txresumable.doctor import FORMATS, Diagnosis, Finding, prescription
from txresumable.options import Options

TARGET = "http://server.example/upload"
SICK = Diagnosis(
    TARGET,
    True,
    (
        Finding("dialect", "flow", "it was", {"dialect": "flow"}),
        Finding("absent", "404", "so it was", {"permanent_errors": [413, 500]}),
        Finding("order", None, "word " * 40 + "end", {"in_order": True, "chunk_size": 5}),
        Finding("race", "none", 'it\'s a "quote" and a long-word', {"test_chunks": False}),
    ),
    given=("query", "headers"),
    left=("a-0", "a-1", "a-2"),
)
NONE = Diagnosis(TARGET, False, (Finding("receiver", "no", "it refused"),))


class FormatTests(SynchronousTestCase):
    """Each format."""

    def test_names(self) -> None:
        """There are four."""
        self.assertEqual([*FORMATS], ["text", "toml", "python", "json"])
        self.assertRaises(KeyError, prescription, SICK, "yaml")

    def test_lines(self) -> None:
        """No line of what people read is longer than 100 characters, and no value is lost."""
        for name in ("text", "toml", "python"):
            text = prescription(SICK, name)
            self.assertLessEqual(max(map(len, text.splitlines())), 100)
            for part in ("flow", "404", "cannot be seen from here", "long-word", "a-0 to a-2"):
                self.assertIn(part, text, name)
            self.assertEqual(text.count("word"), 41, name)

    def test_python(self) -> None:
        """The options as a call that is valid Python, with what was given besides."""
        made: list[tuple[Any, dict[str, Any]]] = []

        def noted(target: str, **options: Any) -> None:
            made.append((target, options))

        text = prescription(SICK, "python")
        eval(text, {"Resumable": noted})
        self.assertEqual(made, [(TARGET, SICK.options)])
        self.assertIn("# and what was given: query, headers", text)
        Options(target=made[0][0], **made[0][1])

    def test_toml(self) -> None:
        """The options as TOML, which is read back as they are."""
        try:
            tomllib: Any = importlib.import_module("tomllib")
        except ImportError:
            raise SkipTest("this Python reads no TOML")
        self.assertEqual(tomllib.loads(prescription(SICK, "toml")), SICK.options)

    def test_json(self) -> None:
        """All of it as JSON."""
        read = json.loads(prescription(SICK, "json"))
        self.assertEqual((read["target"], read["receiver"]), (TARGET, True))
        self.assertEqual(read["options"], SICK.options)
        self.assertEqual(read["given"], ["query", "headers"])
        self.assertEqual(read["left"], ["a-0", "a-1", "a-2"])
        first = {
            "name": "dialect",
            "value": "flow",
            "how": "it was",
            "options": {"dialect": "flow"},
        }
        self.assertEqual(read["findings"][0], first)
        self.assertIs(read["findings"][2]["value"], None)

    def test_text(self) -> None:
        """Each finding with how it was found, then the call."""
        lines = prescription(SICK).splitlines()
        self.assertEqual(lines[0], "dialect:     flow")
        self.assertEqual(lines[1], " " * 13 + "it was")
        self.assertIn("    Resumable(", lines)
        self.assertIn("        dialect='flow',", lines)
        self.assertIn("3 files, whole or in parts, may be left there: a-0 to a-2", lines)

    def test_no_receiver(self) -> None:
        """Of what is no receiver there are no options."""
        text = prescription(NONE)
        self.assertIn("receiver:    no\n             it refused\n", text)
        self.assertTrue(text.endswith(f"{TARGET} is no receiver, as far as can be seen."))
        self.assertNotIn("Resumable(", text)
        self.assertIn("3 files", prescription(evolve(NONE, left=SICK.left)))
        self.assertEqual(json.loads(prescription(NONE, "json"))["receiver"], False)
        for name in ("toml", "python"):
            lines = prescription(NONE, name).splitlines()
            self.assertTrue(all(line.startswith("#") for line in lines), name)
