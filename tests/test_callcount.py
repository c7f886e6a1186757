"""
Tests for the number of function calls that a request costs.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "callcount.py"
TOLERANCE = 1.1


def load() -> ModuleType:
    """The script, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("callcount", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class CallCountTests(SynchronousTestCase):
    """The hot path, counted: see benchmarks/callcount.py."""

    if not SCRIPT.exists():
        skip = "the benchmarks are not here"

    def test_no_more_calls_than_recorded(self) -> None:
        """
        A chunk costs the same number of requests with any versions, and with those that the
        record was made with no more calls than it says, by a tenth at most.
        """
        callcount = load()
        record = json.loads(callcount.RECORD.read_text())
        counted = callcount.count()
        self.assertEqual(
            {name: row["requests"] for name, row in counted.items()},
            {name: row["requests"] for name, row in record["calls"].items()},
        )
        if callcount.versions() != record["versions"]:
            return  # other versions of what is called call differently
        for name, row in record["calls"].items():
            self.assertLessEqual(
                counted[name]["all"],
                row["all"] * TOLERANCE,
                f"{name}: if that has to be, record it: python benchmarks/callcount.py --record",
            )
