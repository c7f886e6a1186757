"""What a run takes at least, by round trips and rate alone."""

from __future__ import annotations

import math

from cases import Case
from far import Line
from line_run import OURS, RCLONE, SMALLEST

LIMIT = 90.0
"""Seconds: what takes longer is left out."""
FAR_OFF = 1.3
"""So many times the best that was measured: a fixed number that takes longer cannot be the best."""
RCLONE_ROUND_TRIPS = 4
"""For each of several files: is it there, may it be sent (``Expect``), the file, is it there."""
HEADERS = 52
"""Bytes of a packet that are IP's and TCP's, timestamps included."""


def at_once(client: str) -> int:
    """How many requests a client has under way at the most: ``"auto"`` twice its cap of 32."""
    number = client.split()[1]
    return int(number) if number.isdecimal() else 64


def requests(work: Case, client: str) -> tuple[int, int]:
    """How many tests and uploads there are at least that wait for a slot of the same kind."""
    name = client.split()[0]
    if name == RCLONE:
        return (RCLONE_ROUND_TRIPS - 1) * work.files * (work.files > 1), work.files
    found = {"/scan": work.units, "/half": work.units // 2}.get(work.path, 0)
    tests = work.units if work.test_chunks else 0
    if name in (OURS, SMALLEST) and tests and found < tests:
        tests = 0  # they have slots of their own, and are left out where nothing is found
    return tests, work.units - found


def connection_rate(line: Line) -> float:
    """Mbit/s of one connection at most: where packets are lost, by the formula of Mathis."""
    if not line.loss:
        return line.rate
    segment = (line.mtu - HEADERS) * 8 / 1e6
    round_trips = 1e3 / line.round_trip
    return min(line.rate, segment * round_trips * math.sqrt(1.5 / (line.loss / 100)))


def least(line: Line, work: Case, client: str) -> float:
    """
    Seconds that a client takes at least.

    All slots are busy all the time, each request takes a round trip and what its bytes take on the
    line, which all share; and what is lost keeps connections from being faster.
    """
    tests, uploads = requests(work, client)
    slots = at_once(client)
    payload = work.payload // 2 if work.path == "/half" else work.payload
    alone = payload * 8 / 1e6 / line.rate
    round_trip = line.round_trip / 1e3
    connections = min(slots, work.files if client.startswith(RCLONE) else uploads)
    lossy = payload * 8 / 1e6 / (connection_rate(line) * connections) if connections else 0.0
    waiting = ((tests + uploads) * round_trip + alone) / slots
    return max(alone + round_trip, waiting, lossy)


def left_out(line: Line, work: Case, client: str) -> bool:
    """Whether it takes too long to be measured; ``"auto"`` never does."""
    return not client.endswith("auto") and least(line, work, client) > LIMIT
