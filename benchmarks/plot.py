"""The plots of the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "txresumable"  # equal figures give equal files
import matplotlib.pyplot as plt  # noqa: E402
from results import OURS, Results  # noqa: E402

if TYPE_CHECKING:
    from far import Line
    from growth import Watched
    from line import Run as LineRun

OURS_COLOUR, THEIRS_COLOUR = "#1f6f8b", "#b8c4cc"
FIRST = 1000
"""Bytes in a tenth of a second: what comes before is the kernel that looks for routers."""


def cases(results: Results, path: Path) -> None:
    """A panel for each case: how long each client takes, the fastest first."""
    names = results.cases()
    columns = 2
    figure, panels = plt.subplots(
        -(-len(names) // columns), columns, figsize=(10, 1.9 * -(-len(names) // columns) + 0.4)
    )
    for panel, name in zip(panels.flat, names, strict=False):
        summaries = results.of_case(name)[::-1]
        colours = [OURS_COLOUR if one.client == OURS else THEIRS_COLOUR for one in summaries]
        bars = panel.barh(
            [one.client for one in summaries], [s.wall for s in summaries], color=colours
        )
        panel.bar_label(bars, [f" {one.wall:.2f} s" for one in summaries], fontsize=8)
        panel.set_title(name, loc="left", fontsize=10, fontweight="bold")
        panel.set_xlim(0, max(one.wall for one in summaries) * 1.18)
        panel.set_xticks([])
        panel.tick_params(axis="y", length=0, labelsize=8)
        panel.spines[["top", "right", "bottom"]].set_visible(False)
    for panel in list(panels.flat)[len(names) :]:
        panel.set_visible(False)
    figure.suptitle("Wall time, median of the rounds: less is better", fontsize=11)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def growth(watched: Sequence[Watched], path: Path) -> None:
    """What a chunk costs, and the memory, over the course of each upload."""
    figure, (costs, memory) = plt.subplots(1, 2, figsize=(10, 3.8))
    for one in watched:
        points = one.microseconds(user=True)
        middle = sorted(cost for _, cost in points)[len(points) // 2]
        costs.plot(
            [number / one.units * 100 for number, _ in points],
            [cost / middle for _, cost in points],
            label=one.name,
            linewidth=1,
        )
        memory.plot(
            [number / one.units * 100 for number, _, _, _ in one.points],
            [resident / 2**20 for _, _, _, resident in one.points],
            linewidth=1.2,
        )
    costs.set_title("Time in user mode a chunk, against its median", loc="left", fontsize=10)
    costs.set_ylim(0, 2)
    memory.set_title("Resident memory, MiB", loc="left", fontsize=10)
    memory.set_ylim(0)
    for panel in (costs, memory):
        panel.set_xlabel("% of the chunks", fontsize=9)
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8)
    costs.legend(fontsize=8, ncols=2, frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def lines(runs: Sequence[LineRun], over: Sequence[Line], path: Path) -> None:
    """A panel for each line: how much of it a large file used, ``"auto"`` beside 3, in round 0."""
    shown = [line for line in over if any(run.line == line.name for run in runs)]
    figure, panels = plt.subplots(len(shown), 1, figsize=(10, 1.9 * len(shown) + 0.4))
    for panel, line in zip([panels] if len(shown) == 1 else panels, shown, strict=True):
        for client, colour in ((f"{OURS} 3", THEIRS_COLOUR), (f"{OURS} auto", OURS_COLOUR)):
            label: str | None = client
            for run in runs:
                key = (run.line, run.work, run.client, run.secure, run.round)
                if key == (line.name, "file", client, False, 0):
                    panel.plot(*_shares(run, line), label=label, color=colour, linewidth=1)
                    label = None
        panel.set_title(line.name, loc="left", fontsize=10, fontweight="bold")
        panel.set_xlim(0)
        panel.set_ylim(0, 105)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), fontsize=8, frameon=False, ncols=2)
    figure.supxlabel("seconds from the first packet on", fontsize=9)
    figure.suptitle("Share of the line that 64 MiB used, per cent: more is better", fontsize=11)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _shares(run: LineRun, line: Line) -> tuple[list[float], list[float]]:
    """Seconds, and per cent of the line: by tenths of a second, or up to seconds in long runs."""
    first = next((at for at, passed in enumerate(run.tenths) if passed > FIRST), 0)
    tenths = run.tenths[first:]
    width = min(max(len(tenths) // 40, 1), 10)
    starts = range(0, len(tenths), width)
    full = line.rate * 1e6 / 8 / 10
    parts = [tenths[start : start + width] for start in starts]
    return (
        [start / 10 for start in starts],
        [sum(part) / len(part) / full * 100 for part in parts],
    )
