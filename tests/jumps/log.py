# SPDX-License-Identifier: GPL-2.0
"""The log of a soak: a line for each jump, which outlives the machine and the command.

The first line says what is being soaked. A soak of the same kernels goes on where it stopped.
"""

import fcntl
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from vm import paths
from vm.errors import SetupError

from .kernel import Figures
from .plan import DEVICES, ROUND


def subject(kernels: Iterable[str]) -> dict[str, str]:
    """What is being soaked: these kernels, and the plan."""
    about = {config: paths.kernel_image(config).read_bytes() for config in kernels}
    about["plan"] = repr((DEVICES, ROUND)).encode()
    return {name: hashlib.sha256(data).hexdigest()[:16] for name, data in about.items()}


class Log:
    """The figures of all jumps so far."""

    def __init__(self, path: Path, about: dict[str, str]) -> None:
        self.path = path
        self.jumps: list[Figures] = []
        self.failures: list[str] = []
        self.machines = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        # Held until the command ends.
        self._lock = path.with_suffix(".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise SetupError(f"another soak writes {path}") from err
        if path.exists() and not self._read(about):
            path.rename(path.with_suffix(".old.jsonl"))
        fresh = not path.exists()
        self._file = path.open("a", encoding="utf-8", buffering=1)
        if fresh:
            self._write({"about": about})

    def _read(self, about: dict[str, str]) -> bool:
        """Reads what is there. Returns whether it is about the same."""
        # A command that was killed may have left a half line.
        text = self.path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        first, *lines = [json.loads(line) for line in whole.splitlines()] or [{}]
        if first.get("about") != about:
            return False
        if whole != text:
            self.path.write_text(whole, encoding="utf-8")
        for line in lines:
            if "machine" in line and len(line) == 1:
                self.machines = line["machine"]
            elif "failed" in line:
                self.failures.append(line["failed"])
            else:
                self.jumps.append(Figures(**line))
        return True

    def _write(self, line: object) -> None:
        self._file.write(json.dumps(line) + "\n")

    def machine(self) -> int:
        """One more machine is switched on. Returns its number."""
        self.machines += 1
        self._write({"machine": self.machines})
        return self.machines

    def jump(self, figures: Figures) -> None:
        """One more jump went well."""
        self.jumps.append(figures)
        self._write(asdict(figures))

    def failed(self, diagnosis: str) -> None:
        """A jump did not go well, which ended its machine."""
        self.failures.append(diagnosis)
        self._write({"failed": diagnosis})
