# SPDX-License-Identifier: GPL-2.0
"""The columns as a table: on a terminal, and as a page of Documentation/."""

from collections.abc import Callable, Sequence
from pathlib import Path

from .figures import PORTS
from .record import Column

PAGE = Path(__file__).resolve().parents[2] / "Documentation" / "PCI" / "liveupdate-bench.rst"

Row = list[str]


class Line:
    """A row: what it is called, its figures side by side, and what there is to compare with."""

    def __init__(self, label: str, figures: Sequence[str], series: str = "", aim: str = "") -> None:
        self.label = label
        self.figures = figures
        self.series = series
        self.aim = aim

    def cell(self, column: Column) -> str:
        """What a column has on it."""
        found = (column.figures.get(name) for name in self.figures)
        return " / ".join("-" if value is None else f"{value:,}" for value in found)

    def cells(self, columns: Sequence[Column]) -> Row:
        """The whole row."""
        return [self.label, self.series, self.aim, *map(self.cell, columns)]


def _each(name: str, *parts: object) -> list[str]:
    return [f"{name}/{part}" for part in parts]


def _lines(name: str, *parts: object) -> list[str]:
    return [f"{item}:lines" for item in _each(name, *parts)]


def _by_ports(name: str) -> list[str]:
    return _each(name, *PORTS)


SMALL = "1, 64, 256, 992 devices"
LARGE = "1,024, 16,384 devices"
LENGTHS = "paths of 1, 2, 4, 8 functions"
BRIDGES = "8, 32, 128 ports"


def _sizes(title: str, name: str, small: str = "", aim: str = "") -> list[Line]:
    """By the number of devices, and by the length of the path."""
    return [
        Line(f"{title}: {SMALL}", _each(f"{name}/2", 1, 64, 256, 992), small, aim),
        Line(f"{title}: {LARGE}", _each(f"{name}/2", 1024, 16384), "", aim),
        Line(f"{title}: {LENGTHS}", [f"{name}/{length}/64" for length in (1, 2, 4, 8)]),
    ]


LINES = [
    *_sizes("preserve", "preserve", "379 / 307 / 307 / 297", "<= 300"),
    *_sizes("preserve in churn", "churn-preserve", "- / 626 / 1,586 / 4,779", "<= 300"),
    *_sizes("unpreserve", "unpreserve", "250-285", "<= 250"),
    *_sizes("unpreserve in churn", "churn-unpreserve", "250-285", "<= 250"),
    Line("preserve, a bridge more on the path", ["preserve-bridge"], "16", "<= 20"),
    *_sizes("finish", "finish", "290-376", "<= 300"),
    *_sizes("setup_device, incoming", "arrive", "282", "<= 280"),
    Line(
        "setup_device, another device: 64, 16,384 devices",
        ["arrive-other/2/64", "arrive-other/2/16384"],
        "276",
        "<= 280",
    ),
    Line("setup_device, nothing handed over", ["setup-nothing"], "159", "<= 37"),
    Line("is_incoming", ["is-incoming/2/64"]),
    Line(
        "retrieve, an entry: 64, 1,024, 16,384 devices",
        _each("retrieve/2", 64, 1024, 16384),
        "353-398",
        "<= 350",
    ),
    Line(f"scan, nothing handed over: {BRIDGES}", _by_ports("scan-plain")),
    Line(f"configuration reads of it: {BRIDGES}", _by_ports("scan-plain-reads")),
    Line(f"configuration writes of it: {BRIDGES}", _by_ports("scan-plain-writes")),
    Line(
        f"scan, more for a handover: {BRIDGES}",
        _by_ports("scan-extra"),
        "- / 230,963 / -",
        "- / <= 230,000 / -",
    ),
    Line(f"configuration reads more: {BRIDGES}", _by_ports("scan-extra-reads")),
    Line(f"configuration writes more: {BRIDGES}", _by_ports("scan-extra-writes")),
    Line(
        "messages of 64 devices: arrive, finish", ["arrive/2/64:lines", "finish/2/64:lines"]
    ),
    Line(f"messages of a scan with a handover: {BRIDGES}", _lines("scan-handover", *PORTS)),
    Line(
        "bytes preserved: 1, 16,384 devices", ["handover-bytes/1", "handover-bytes/16384"]
    ),
    Line("the core: text", ["core-text"], "3,978", "<= 15,000"),
    Line("the core: data, bss", ["core-data", "core-bss"]),
    Line("the kernel, on minus off: text", ["vmlinux-text"], "5,323"),
    Line("the kernel, on minus off: data, bss", ["vmlinux-data", "vmlinux-bss"], "200 / -"),
    Line(
        "of that data: .rodata, and in it kallsyms", ["vmlinux-rodata", "vmlinux-kallsyms"]
    ),
]


def _rows(columns: Sequence[Column]) -> list[Row]:
    head = ["", "C series", "aim", *(column.name for column in columns)]
    return [head, *(line.cells(columns) for line in LINES)]


def _widths(rows: Sequence[Row]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows)]


def _joined(rows: Sequence[Row], pad: Callable[[str, int], str]) -> list[str]:
    widths = _widths(rows)
    return ["  ".join(pad(cell, width) for cell, width in zip(row, widths)) for row in rows]


def text(columns: Sequence[Column]) -> str:
    """For a terminal."""
    return "\n".join(line.rstrip() for line in _joined(_rows(columns), str.ljust))


_HEAD = """\
.. SPDX-License-Identifier: GPL-2.0
.. Written by `make bench UPDATE=1`.

=======================
Cost of PCI Live Update
=======================

Instructions per call, and bytes. Instructions are counted in a virtual machine
whose time stamp counter advances by one per instruction (``-icount
shift=0,sleep=off``), on one CPU with interrupts disabled. Each number is the
minimum of several passes, and the same in each run. With more than one device,
it is the mean over all of them. There are up to 248 devices below each bridge.

By default, all devices are preserved in order, and unpreserved in the same
order. *In churn*, all devices are preserved, and then each of them is
unpreserved and preserved again. A *scan* is one ``pci_scan_root_bus()`` of a
host bridge with 8 or 32 root ports and 8 functions below each, or with 128 root
ports and one function below each; 4 more functions are on the root bus. Devices
and host bridges exist in memory only, and an access to their configuration
space takes fewer instructions than one to hardware.

Messages are not part of the numbers: printk is suppressed while instructions
are counted, and what a suppressed message takes is subtracted. Their number is
listed instead.

The C series is version 6 of the series on the mailing lists, measured on the
same kernel with the same compiler. Its scan was measured on emulated hardware.

size(1) counts .rodata of vmlinux as data, since the linker makes it writable.
Most of what the feature adds there is kallsyms.

"""


def page(columns: Sequence[Column]) -> str:
    """As a page of the kernel's documentation."""
    out = [".. list-table::", "   :header-rows: 1", ""]
    for row in _rows(columns):
        out += [f"   {'-' if i else '*'} - {cell}" for i, cell in enumerate(row)]
    table = "\n".join(
        line.replace("   - -", "     -").rstrip() for line in out
    )
    bought = "".join(
        f"\n*{column.name}*\n    {column.bought}\n" for column in columns
    )
    return f"{_HEAD}{table}\n\nWhat each column bought\n=======================\n{bought}"
