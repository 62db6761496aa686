# SPDX-License-Identifier: GPL-2.0
"""Results as KTAP, and as JSON for the sum of `make test`."""

import json
import sys
from collections.abc import Sequence

from . import paths
from .runner import Result


def _say(line: str) -> None:
    print(line, flush=True)


class Ktap:
    """A KTAP document, one line per result, numbered as they arrive."""

    def __init__(self, count: int) -> None:
        self._number = 0
        _say("KTAP version 1")
        _say(f"1..{count}")

    @staticmethod
    def comment(text: str) -> None:
        """Lines that parsers ignore."""
        for line in text.splitlines() or [""]:
            _say(f"# {line}".rstrip())

    def result(self, result: Result) -> None:
        """A result, after its diagnosis."""
        self._number += 1
        for remark in result.remarks:
            self.comment(f"{result.name}: {remark}")
        if not result.passed:
            for problem in result.problems:
                self.comment(f"{result.name}: {problem}")
            if result.remains:
                self.comment(f"{result.name}: last lines:")
                self.comment("\n".join(f"  {line}" for line in result.remains))
            if result.directory:
                self.comment(f"{result.name}: logs are in {result.directory}")
        verdict = "ok" if result.passed else "not ok"
        _say(f"{verdict} {self._number} {result.name} # {result.seconds:.1f} s")


def save(suite: str, results: Sequence[Result]) -> None:
    """Saves the results of a suite for the sum."""
    passed = sum(result.passed for result in results)
    document = {
        "suite": suite,
        "passed": passed,
        "failed": len(results) - passed,
        "results": [
            {
                "name": result.name,
                "passed": result.passed,
                "seconds": round(result.seconds, 1),
                "problems": result.problems,
                "remarks": result.remarks,
            }
            for result in results
        ],
    }
    directory = paths.results()
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2) + "\n"
    (directory / f"{suite}.json").write_text(text, encoding="utf-8")


def verdict(results: Sequence[Result]) -> int:
    """The exit code. No result at all is a failure."""
    failed = [result.name for result in results if not result.passed]
    if failed:
        print(f"failed: {' '.join(failed)}", file=sys.stderr)
    return 0 if results and not failed else 1
