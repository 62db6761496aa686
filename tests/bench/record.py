# SPDX-License-Identifier: GPL-2.0
"""The columns that were measured so far, oldest first, and what may not grow."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

PATH = Path(__file__).resolve().parent / "results.json"

# In percent, of any number over the last column.
MAY_GROW = 5


@dataclass
class Column:
    """What was measured of one state of the core."""

    name: str
    bought: str
    """What the numbers bought, for a reader."""
    figures: dict[str, int]


def load() -> list[Column]:
    """All that is recorded."""
    if not PATH.exists():
        return []
    return [Column(**item) for item in json.loads(PATH.read_text(encoding="utf-8"))]


def save(columns: list[Column]) -> None:
    """Records them."""
    text = json.dumps([asdict(column) for column in columns], indent=1)
    PATH.write_text(text + "\n", encoding="utf-8")


def put(columns: list[Column], new: Column) -> list[Column]:
    """With a column in the place of the one of that name, or at the end."""
    for i, column in enumerate(columns):
        if column.name == new.name:
            new.bought = new.bought or column.bought
            return [*columns[:i], new, *columns[i + 1 :]]
    return [*columns, new]


def grown(before: Column, now: Column) -> dict[str, str]:
    """What speaks against the numbers of now, by name. Where there was none before, 0 was."""
    found = {
        name: f"{before.figures.get(name, 0):,} before, {value:,} now"
        for name, value in now.figures.items()
        if 100 * (value - before.figures.get(name, 0)) > MAY_GROW * abs(before.figures.get(name, 0))
    }
    lost = before.figures.keys() - now.figures.keys()
    return found | {name: "not measured" for name in lost if before.figures[name]}
