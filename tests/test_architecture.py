"""
The package's layers: what may import what, annotations included; and the page that describes them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from twisted.python.reflect import namedAny
from twisted.trial.unittest import SynchronousTestCase

import txresumable

PACKAGE = Path(txresumable.__file__).parent
PAGE = Path(__file__).resolve().parent.parent / "docs" / "architecture.rst"

MAY_IMPORT: dict[str, set[str]] = {
    "version": set(),
    "states": set(),
    "_protocol": set(),
    "_runtime": set(),
    "file": {"_runtime", "_source", "states"},
    "retry": {"file"},
    "errors": {"_runtime", "file"},
    "_policy": {"_runtime", "errors"},
    "_source": {"_runtime", "errors"},
    "identifiers": {"_source", "file"},
    "events": {"_runtime", "file"},
    "_http": {"_protocol", "_runtime", "errors", "version"},
    "_validators": {"_protocol", "errors"},
    "options": {
        "_policy",
        "_protocol",
        "_source",
        "_validators",
        "errors",
        "file",
        "identifiers",
        "retry",
    },
    "_engine": {
        "_http",
        "_policy",
        "_protocol",
        "_runtime",
        "_source",
        "_validators",
        "errors",
        "events",
        "file",
        "identifiers",
        "options",
        "retry",
        "states",
    },
    "uploader": {"_engine", "_http", "_runtime", "_source", "errors", "events", "file", "options"},
    "service": {"_engine", "_protocol", "_runtime", "_source", "errors", "file", "uploader"},
    "doctor": {
        "_engine",
        "_http",
        "_protocol",
        "_runtime",
        "_source",
        "_validators",
        "errors",
        "options",
    },
    "push": {
        "_engine",
        "_policy",
        "_protocol",
        "_runtime",
        "_source",
        "_validators",
        "errors",
        "events",
        "file",
        "identifiers",
        "options",
        "retry",
        "service",
        "states",
        "uploader",
        "version",
    },
    "_cli": {
        "_engine",
        "_protocol",
        "_runtime",
        "_source",
        "doctor",
        "errors",
        "events",
        "file",
        "options",
        "push",
        "retry",
        "service",
        "uploader",
        "version",
    },
    "receiver": {"_http", "_protocol", "_runtime", "errors"},
}
"""
What each part of the package may import besides itself.  ``testing`` may import all, and nothing
imports it; the package itself imports what is public.
"""

# ``file`` knows a source's fingerprint, as an annotation: ``errors``, which sources raise, names
# files.  No module is in a circle for that, which the second test holds.


def imports() -> Iterator[tuple[str, str]]:
    """Each module of the package, with each module of the package that it imports."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        base = parts[:-1]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                root = base[: len(base) - node.level + 1]
                target = [*root, *(node.module.split(".") if node.module else [])]
                for alias in node.names:
                    named = PACKAGE.parent.joinpath(*target, f"{alias.name}.py")
                    whole = [*target, alias.name] if named.exists() else target
                    yield ".".join(parts[1:]).removesuffix(".__init__"), ".".join(whole[1:])


class LayerTests(SynchronousTestCase):
    """Imports point one way."""

    def test_layers(self) -> None:
        """No module imports what its part of the package may not know."""
        against = set()
        for module, imported in imports():
            part, other = module.partition(".")[0], imported.partition(".")[0]
            if part in ("__init__", "__main__", "testing") or part == other:
                continue
            if other not in MAY_IMPORT.get(part, set()):
                against.add((module, imported))
        self.assertEqual(against, set())

    def test_no_circles(self) -> None:
        """No module imports, over however many others, itself."""
        graph: dict[str, set[str]] = {}
        for module, imported in imports():
            graph.setdefault(module, set()).add(imported)
        done: set[str] = set()

        def visit(module: str, above: tuple[str, ...]) -> None:
            self.assertNotIn(module, above, " -> ".join((*above, module)))
            if module not in done:
                for imported in sorted(graph.get(module, ())):
                    visit(imported, (*above, module))
                done.add(module)

        for module in sorted(graph):
            visit(module, ())


def modules_in(text: str) -> set[str]:
    """The modules and packages that a text names by their paths."""
    return set(re.findall(r"``([\w/]+(?:\.py|/))``", text))


class PageTests(SynchronousTestCase):
    """``docs/architecture.rst`` says what is so."""

    def setUp(self) -> None:
        self.page = PAGE.read_text()

    def test_modules(self) -> None:
        """Every module that the page names exists."""
        named = modules_in(self.page)
        self.assertGreater(len(named), 50)
        self.assertEqual([], sorted(each for each in named if not (PACKAGE / each).exists()))

    def test_layers(self) -> None:
        """The page's table of imports is the one that is tested."""
        table = {}
        for row in re.split(r"^   \* - ", self.page, flags=re.MULTILINE)[2:]:
            part, _, imported = row.split("\n\n")[0].split("\n     -")
            name = part.strip("`/").removesuffix(".py")
            table[name] = set(re.findall(r"``(\w+)``", imported))
        self.assertEqual(table, MAY_IMPORT)

    def test_machines(self) -> None:
        """The page's tables of transitions are those of the code."""
        machines = re.findall(
            r"^\.\. machine: (\S+)\n\n::\n\n((?: .*\n)+)", self.page, re.MULTILINE
        )
        self.assertEqual(len(machines), 7)
        for name, lines in machines:
            shown = {}
            for line in lines.splitlines():
                state, _, following = line.partition("->")
                shown[state.strip()] = set(re.findall(r"\w+", following))
            table = namedAny(name)
            held = {state.name: {each.name for each in table[state]} for state in table}
            self.assertEqual(shown, held, name)

    def test_journey(self) -> None:
        """A chunk's journey takes no more than 15 modules."""
        _, journey = self.page.split("\nThe journey of a chunk\n")
        journey, _ = journey.split("\nThe end of a file\n")
        self.assertIn(len(modules_in(journey)), range(10, 16))
