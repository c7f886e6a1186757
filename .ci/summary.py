"""
Add up what trial said: ``summary.py LOG...`` prints the tests that failed each with the last line
of its traceback, and then one line, ``N passed, N failed, N skipped``.

It exits with 1 if anything failed, if a log has no summary of trial's, or if a run had no tests.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

RAN = re.compile(r"^Ran (\d+) tests? in ", re.MULTILINE)
VERDICT = re.compile(r"^(?:PASSED|FAILED)(?: \((.*)\))?$", re.MULTILINE)
PASSED = ("successes", "expectedFailures")
FAILED = ("failures", "errors", "unexpectedSuccesses")
MOST = 12
WIDTH = 300
SEPARATOR = "=" * 79
RULE = "-" * 79


def count(text: str) -> Counter[str]:
    """Read the summaries in a log; one log may hold several runs."""
    found: Counter[str] = Counter()
    for verdict in VERDICT.findall(text):
        for pair in filter(None, verdict.split(", ")):
            name, _, number = pair.partition("=")
            found[name] += int(number)
    found["ran"] = sum(map(int, RAN.findall(text)))
    return found


def failures(text: str) -> list[str]:
    """The tests of a log that failed, each with why: the last line of its traceback."""
    found = []
    # The last part holds the separator's other half: the summary.
    for part in text.split(f"{SEPARATOR}\n")[1:]:
        head, *lines = part.partition(f"\n{RULE}")[0].strip().splitlines()
        if head in ("[FAIL]", "[ERROR]", "[SUCCESS!?!]"):
            names = [line for line in lines if re.fullmatch(r"(?:\w+\.)+test\w*", line)]
            reasons = [line for line in lines if line.strip() and line not in names]
            found += [f"{name}: {reasons[-1].strip() if reasons else head}" for name in names]
    return found


def main(logs: list[str]) -> int:
    """Print the line; see the top of this file for the result."""
    texts = [Path(log).read_text(errors="replace") for log in logs]
    found = [line for text in texts for line in failures(text)]
    for line in found[:MOST]:
        print(line[:WIDTH])
    if len(found) > MOST:
        print(f"and {len(found) - MOST} more")
    counts = [count(text) for text in texts]
    total = sum(counts, Counter[str]())
    passed = sum(total[name] for name in PASSED)
    failed = sum(total[name] for name in FAILED)
    print(f"{passed} passed, {failed} failed, {total['skips']} skipped")
    return 1 if failed or not counts or any(not each["ran"] for each in counts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
