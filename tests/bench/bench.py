#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Counts what the core costs, and compares it with what is recorded.

With --update, it becomes a column of the record, and the page in Documentation/ is
written anew. Without, a number that has grown too much fails.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# pylint: disable=wrong-import-position
from bench import figures, machine, record, size, table  # noqa: E402
from vm import cli, report  # noqa: E402
from vm.errors import SetupError  # noqa: E402
from vm.runner import Result  # noqa: E402


def measure(name: str, bought: str) -> record.Column:
    """What there is now."""
    return record.Column(name, bought, figures.derive(machine.measure(), size.measure()))


def update(columns: Sequence[record.Column], now: record.Column) -> int:
    """Records a column."""
    after = record.put(list(columns), now)
    record.save(after)
    table.PAGE.write_text(table.page(after), encoding="utf-8")
    print(table.text(after))
    return 0


def compare(columns: Sequence[record.Column], now: record.Column) -> int:
    """Judges a column by the last one of the record, a verdict for each number."""
    print(table.text([*columns, now]))
    if not columns:
        raise SetupError("nothing is recorded: make bench UPDATE=1 COLUMN=name")
    bad = record.grown(columns[-1], now)
    results = [
        Result(name, problems=[bad[name]] if name in bad else [])
        for name in columns[-1].figures | now.figures
    ]
    print()
    for name, problem in bad.items():
        print(f"not ok {name} # {problem}")
    report.save("bench", results)
    print(f"{len(results) - len(bad)} numbers within {record.MAY_GROW} %, {len(bad)} above")
    return report.verdict(results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__)
    parser.add_argument("--update", action="store_true", help="record what was measured")
    parser.add_argument("--column", default="", help="as what; the last column by default")
    parser.add_argument("--bought", default="", help="what the numbers bought, in a sentence")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Measures, and returns the verdict."""
    options = _parser().parse_args(arguments)

    def command() -> int:
        columns = record.load()
        last = columns[-1].name if columns else "first"
        if not options.update:
            return compare(columns, measure("now", ""))
        return update(columns, measure(options.column or last, options.bought))

    return cli.supervised(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
