# SPDX-License-Identifier: GPL-2.0
"""Frames over time, both runs side by side, as SVG and PNG."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vm.errors import SetupError

from .verdict import Run

# More points than pixels make a larger file, but no better picture.
_POINTS = 1500
_SENT, _ARRIVED, _JUMP = "#b0b0b0", "#1a6fb5", "#e8a33d"


def _thin(points: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """A sample of the points, and those around each gap."""
    step = max(len(points) // _POINTS, 1)
    keep = set(range(0, len(points), step)) | {len(points) - 1}
    for i in range(1, len(points)):
        if points[i][1] - points[i - 1][1] > 1 or points[i][0] - points[i - 1][0] > 0.05:
            keep |= {i - 1, i}
    return [points[i] for i in sorted(keep) if 0 <= i < len(points)]


def _draw(axes: Any, run: Run) -> None:
    sent = _thin([(at, number) for number, at in enumerate(run.sent)])
    arrived = _thin(list(run.arrived))
    axes.axvspan(run.jump, run.up, color=_JUMP, alpha=0.25, label="jump into the second kernel")
    axes.plot(*zip(*sent), color=_SENT, linewidth=5, solid_capstyle="butt", label="sent")
    axes.plot(*zip(*arrived), color=_ARRIVED, linewidth=1.8, label="in the ring")
    if run.preserved:
        axes.set_title(f"preserved: {run.lost:,} of {len(run.sent):,} frames lost")
    else:
        axes.plot(*arrived[-1], marker="x", markersize=10, mew=2.5, color="#c0392b")
        axes.set_title(f"not preserved: {run.lost:,} of {len(run.sent):,} frames lost")
    axes.set_xlabel("seconds since the first frame")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")


def draw(runs: Sequence[Run], directory: Path) -> list[Path]:
    """Writes the pictures and returns their paths."""
    # Imported here, because everything else works without it.
    # pylint: disable=import-outside-toplevel
    try:
        from matplotlib import rcParams  # type: ignore[import]
        from matplotlib.figure import Figure  # type: ignore[import]
    except ImportError as err:
        raise SetupError(f"{err}: make setup installs python3-matplotlib") from err
    # The same run produces the same file: no random ids, no date.
    rcParams.update({"svg.hashsalt": "demo", "font.size": 10, "svg.fonttype": "none"})
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    figure.suptitle("A network card receives while the kernel is replaced")
    row = figure.subplots(1, len(runs), sharey=True, squeeze=False)[0]
    row[0].set_ylabel("number of the frame")
    for axes, run in zip(row, runs):
        _draw(axes, run)
    paths = [directory / f"demo.{kind}" for kind in ("svg", "png")]
    figure.savefig(paths[0], metadata={"Date": None})
    figure.savefig(paths[1], dpi=110)
    return paths
