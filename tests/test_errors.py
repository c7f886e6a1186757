"""Tests for the exceptions: what they say."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from tests.examples import ROOT
from txresumable.errors import InvalidOption

_MUST = re.compile(r"must (be|give|have) ")
_IS = re.compile(
    r"(is|has|needs|lies in|matches|cannot (be|have|go with)|may not be|"
    r"must (go with|not (be in|lead)))\b"
)


class InvalidOptionTests(SynchronousTestCase):
    """Options that have an invalid value."""

    def test_sentence(self) -> None:
        """It says what the value would have to be, or what is wrong with it."""
        for reason, shown in (
            ("must be text", "after must be text, not 5"),
            ("is missing", "after 5 is missing"),
            ("must not be in /srv", "after 5 must not be in /srv"),
        ):
            self.assertEqual(str(InvalidOption("after", 5, reason)), shown)
        error = InvalidOption("after", "x", "is missing", section="[folder.scans]")
        for each in error, pickle.loads(pickle.dumps(error)):
            self.assertEqual(str(each), "[folder.scans] after 'x' is missing")
            self.assertEqual(each.complaint, "'x' is missing")

    def test_all_reasons(self) -> None:
        """Each reason of the package is the rest of a sentence, after the option or its value."""
        found = [*_reasons()]
        self.assertGreater(len(found), 90)
        for where, reason in found:
            self.assertTrue(_MUST.match(reason) or _IS.match(reason), f"{where}: {reason}")
            is_must = str(InvalidOption("x", 1, reason)).startswith("x must ")
            self.assertEqual(is_must, _MUST.match(reason) is not None, f"{where}: {reason}")
            if is_must:  # what the value is not follows
                self.assertNotRegex(reason, r"[;:.] |, not ", where)


def _reasons() -> Iterator[tuple[str, str]]:
    """The reasons that the source has, with ``?`` for what is put in when it runs."""
    for path in sorted((ROOT / "txresumable").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "InvalidOption(" not in source:
            continue
        for scope in ast.walk(ast.parse(source)):
            if not isinstance(scope, ast.FunctionDef):
                continue
            named = {
                target.id: node.value
                for node in ast.walk(scope)
                if isinstance(node, ast.Assign)
                for target in node.targets
                if isinstance(target, ast.Name)
            }
            for node in ast.walk(scope):
                name = getattr(getattr(node, "func", None), "id", "")
                if isinstance(node, ast.Call) and name in ("InvalidOption", "_refuse"):
                    reason = node.args[-1]
                    if isinstance(reason, ast.Name):
                        reason = named.get(reason.id, reason)
                    text = _text(reason)
                    if text and not text.startswith("?"):
                        yield f"{path.name}:{node.lineno}", text


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return "?"
