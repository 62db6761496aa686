# SPDX-License-Identifier: GPL-2.0
"""Finds the scenarios: one file each in tests/scenarios.

A scenario `one-device` is the file `one_device.py` with

    a docstring     its first line is what `make vm-list` prints
    MACHINE         the machine it runs on
    story(vm)       the scenario, which uses `vm` and `check`
    EXPECTED        optional: console lines that would be splats in other scenarios
    CASES           optional: name -> any value; the scenario runs once for each, as
                    `story(vm, case)`, and its result is called `NAME.CASE`; the
                    attributes `machine` and `expected` of a case override MACHINE
                    and EXPECTED
    CONFIGS         optional: the only kernels that have what it takes, by CONFIG
"""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from . import paths
from .errors import SetupError
from .machine import Machine
from .splat import Expected
from .vm import Vm


@dataclass(frozen=True)
class Scenario:
    """A scenario on a machine, with one result."""

    name: str
    sentence: str
    machine: Machine
    story: Callable[[Vm], None]
    expected: Sequence[Expected] = field(default=())
    configs: Sequence[str] = ()
    """The only kernels that it can run on, or none if it runs on all."""

    def runs_on(self, config: str) -> bool:
        """Whether that kernel has what it takes."""
        return not self.configs or config in self.configs


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"scenarios.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise SetupError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _bound(story: Callable[[Vm, Any], None], case: Any) -> Callable[[Vm], None]:
    return lambda vm: story(vm, case)


def _load(path: Path) -> list[Scenario]:
    module = _module(path)
    name = path.stem.replace("_", "-")
    missing = [item for item in ("__doc__", "MACHINE", "story") if not getattr(module, item, None)]
    if missing:
        raise SetupError(f"{path} lacks {', '.join(missing)}")
    sentence = str(module.__doc__).strip().splitlines()[0]
    expected = getattr(module, "EXPECTED", ())
    configs = getattr(module, "CONFIGS", ())
    cases = getattr(module, "CASES", None)
    if cases is None:
        return [Scenario(name, sentence, module.MACHINE, module.story, expected, configs)]
    return [
        Scenario(
            f"{name}.{key}",
            sentence,
            getattr(case, "machine", None) or module.MACHINE,
            _bound(module.story, case),
            (*expected, *getattr(case, "expected", ())),
            configs,
        )
        for key, case in cases.items()
    ]


def load_all() -> list[Scenario]:
    """All scenarios, by name."""
    found = [path for path in sorted(paths.SCENARIOS.glob("*.py")) if path.stem != "__init__"]
    if not found:
        raise SetupError(f"no scenarios in {paths.SCENARIOS}")
    return [scenario for path in found for scenario in _load(path)]


def _named(every: Sequence[Scenario], names: Sequence[str]) -> list[Scenario]:
    chosen: list[Scenario] = []
    for name in dict.fromkeys(names):
        found = [item for item in every if name in (item.name, item.name.split(".")[0])]
        if not found:
            raise SetupError(f"no scenario {name!r}: make vm-list shows all")
        chosen += [item for item in found if item not in chosen]
    return chosen


def select(names: Sequence[str], config: str, without: Sequence[str] = ()) -> list[Scenario]:
    """The named scenarios, or all; a name without a case stands for all its cases.

    That is: all that run on this kernel, but for those in `without`. One that is named has to.
    """
    every = load_all()
    chosen = _named(every, names)
    for item in chosen:
        if not item.runs_on(config):
            raise SetupError(f"{item.name} needs CONFIG={' or '.join(item.configs)}")
    if not names:
        chosen = [item for item in every if item.runs_on(config)]
    left_out = _named(every, without)
    return [item for item in chosen if item not in left_out]
