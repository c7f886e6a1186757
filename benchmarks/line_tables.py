"""The tables of what was sent over long lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from bounds import least, left_out
from cases import Case
from far import Line
from line_run import FILE, OURS, SMALLEST, WORKS, Run, takes
from line_targets import AUTO, Runs

OMITTED = "≥ "
"""Before what a client takes at least that was left out."""


def rows(runs: Sequence[Run]) -> list[list[str]]:
    """A row for each client, its heading first: medians."""
    together: dict[tuple[str, str, bool], dict[str, list[Run]]] = {}
    for run in runs:
        key = (run.line, run.work, run.secure)
        together.setdefault(key, {}).setdefault(run.client, []).append(run)
    table = [["line", "what", "client", "seconds", "share of the line", "requests", "/ fastest"]]
    table[0] += ["small ones s"] * any(run.small for run in runs)
    for (line, work, secure), clients in together.items():
        walls = {client: median(run.wall for run in each) for client, each in clients.items()}
        for client in sorted(walls, key=walls.__getitem__):
            each = clients[client]
            table.append(
                [
                    line,
                    work + (", TLS" if secure else ""),
                    client,
                    f"{walls[client]:.2f}",
                    f"{median(run.share for run in each):.0%}" if work != "all" else "",
                    f"{median(run.requests for run in each):,.0f}",
                    f"{walls[client] / min(walls.values()):.2f}",
                    *([f"{median(run.small for run in each):.2f}"] * (len(table[0]) - 7)),
                ]
            )
    return table


def wide_rows(
    runs: Sequence[Run], lines: Sequence[Line], clients: Sequence[str], secure: bool = False
) -> list[list[str]]:
    """
    A row for what was sent over each line, with the seconds of each client: medians.

    What was sent with small files first has a row of its own, and the seconds until those were
    there.
    """
    table = [["line", "what", *clients, "the line alone"]]
    for line in lines:
        for work in (replace(work, secure=secure) for work in WORKS):
            found = Runs(runs).of(line.name, work.name, secure)
            if not found:
                continue
            payload = work.payload // 2 if work.path == "/half" else work.payload
            alone = f"{payload * 8 / 1e6 / line.rate:.1f}" if payload else ""
            cells = [cell(found, line, work, client) for client in clients]
            table.append([line.name, work.name, *cells, alone])
            if work.large:
                before = [client.replace(OURS, SMALLEST) for client in clients]
                cells = [cell(found, line, work, client) for client in before]
                table.append([line.name, f"{work.name}, small files first", *cells, alone])
    return table


def cell(runs: Sequence[Run], line: Line, work: Case, client: str) -> str:
    """A client's seconds, and those until small files were there; or what it takes at least."""
    each = [run for run in runs if run.client == client]
    if not each:
        out = takes(client, work) and left_out(line, work, client)
        return f"{OMITTED}{least(line, work, client):.0f}" if out else ""
    small = median(run.small for run in each)
    return f"{median(run.wall for run in each):.1f}" + (f" ({small:.1f})" if small else "")


def sweep_rows(
    runs: Sequence[Run], lines: Sequence[Line], numbers: Sequence[int]
) -> list[list[str]]:
    """``"auto"`` and each fixed number, a row for each line: medians, or what it takes at least."""
    clients = [AUTO, *(f"{OURS} {number}" for number in numbers)]
    table = [["line", "auto", *map(str, numbers)]]
    for line in lines:
        walls = Runs(runs).walls(line.name, FILE.name)
        if AUTO in walls:
            table.append(
                [
                    line.name,
                    *(
                        f"{median(walls[client]):.2f}"
                        if client in walls
                        else f"{OMITTED}{least(line, FILE, client):.0f}"
                        for client in clients
                    ),
                ]
            )
    return table
