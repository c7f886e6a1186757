"""Tests for what is shipped beside the package."""

from __future__ import annotations

import re
import shutil
import subprocess

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.shipped import SHIPPED, made
from txresumable._cli.arguments import ARGUMENTS


class ShippedTests(SynchronousTestCase):
    """The manual page and the completions."""

    def test_up_to_date(self) -> None:
        """They are what ``make shipped`` makes of the command as it is."""
        for name, text in made().items():
            self.assertEqual((SHIPPED / name).read_text(), text, f"{name}: make shipped")

    def test_manual(self) -> None:
        """The manual page has each option, and man can read it."""
        page = made()["man/txresumable.1"]
        plain = page.replace("\\-", "-")
        for argument in ARGUMENTS:
            if argument.name != "target":
                self.assertIn(f"--{argument.name}", plain)
        if shutil.which("groff"):
            command = ["groff", "-man", "-Tutf8", "-ww"]
            ended = subprocess.run(command, input=page, capture_output=True, text=True, check=True)
            self.assertEqual(ended.stderr, "")

    def complete(self, *words: str) -> list[str]:
        """What bash completes the last word to."""
        bash = shutil.which("bash")
        if bash is None:
            raise SkipTest("there is no bash")
        typed = " ".join(f"'{word}'" for word in words)
        script = (
            f"source {SHIPPED}/completions/txresumable; COMP_WORDS=({typed}); "
            f"COMP_CWORD={len(words) - 1}; _txresumable; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        )
        ended = subprocess.run([bash, "-c", script], capture_output=True, text=True, check=True)
        self.assertEqual(ended.stderr, "")
        return ended.stdout.split()

    def test_bash(self) -> None:
        """Commands, their options and the values of these are completed; files otherwise."""
        self.assertEqual(
            self.complete("txresumable", "re"),
            ["release", "reload", "rescan", "resume", "retry", "retry-jobs"],
        )
        options = self.complete("txresumable", "upload", "--chunk-s")
        self.assertEqual({*options}, {"--chunk-size", "--chunk-size-parameter-name"})
        self.assertEqual(self.complete("txresumable", "ls", "--state", "he"), ["held"])
        folder = self.mktemp()
        with open(folder, "w"):
            pass
        self.assertEqual(self.complete("txresumable", "upload", "x", folder[:-2]), [folder])

    def test_syntax(self) -> None:
        """The other shells can read theirs, where they are installed."""
        for shell, name in ("zsh", "_txresumable"), ("fish", "txresumable.fish"):
            program = shutil.which(shell)
            if program is not None:
                subprocess.run([program, "-n", str(SHIPPED / "completions" / name)], check=True)
        fish = made()["completions/txresumable.fish"]
        self.assertTrue(all(re.match("complete -c|#", line) for line in fish.splitlines()))
