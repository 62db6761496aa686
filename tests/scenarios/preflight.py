# SPDX-License-Identifier: GPL-2.0
"""pci-lu says before the jump whether the next kernel takes the devices, and why not.

It looks at what the running kernel says of itself, at the images of kernels with and without
the feature, and at command lines. Where it says yes, the jump is done with that image and
that command line, and the devices arrive.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vm import Guest, Machine, Vm, check, endpoint, paths, root_port, sample
from vm.bundle import Bundle
from vm.errors import CheckFailed
from vm.liveupdate import due

MACHINE = Machine(
    devices=[
        root_port("rp0", "3"),
        root_port("rp1", "4"),
        endpoint("ep0", "rp0"),
        # Functions of a device without ACS share a group.
        endpoint("left", "rp1", addr="0.0", multifunction="on"),
        endpoint("right", "rp1", addr="0.1"),
        endpoint("unbound", "pcie.0"),
    ],
    qemu=["-device", "intel-iommu"],
)

DEVICE = 1
# LIVEUPDATE without PCI_LIVEUPDATE.
WITHOUT = "bench-off"
LUO, MAGIC, FILE = b"liveupdate_luo=luo-v5", b"LvUp", b"rust-pci-liveupdate-v1"


@dataclass(frozen=True)
class Case:
    """What the IOMMU of the old kernel does, and whether DMA goes on then."""

    iommu: str
    dma: bool


CASES = {"identity": Case("iommu=pt", True), "translating": Case("iommu=nopt", False)}


def says(answer: dict[str, Any], verdict: str, kind: str = "", text: str = "") -> None:
    """Fails unless this is the verdict, for exactly one reason if it is not yes."""
    check.equal(f"verdict of {answer}", answer["verdict"], verdict)
    reasons = [(found, reason) for found in ("no", "cannot_tell") for reason in answer[found]]
    if not kind:
        check.empty("reasons", reasons)
        return
    check.equal(f"reasons in {reasons}", [found for found, _ in reasons], [kind])
    check.contains("reason", reasons[0][1], text)


def changed(image: Path, directory: Path, old: bytes, new: bytes) -> Path:
    """A copy of an image that states something else."""
    data = image.read_bytes()
    if data.count(old) != 1:
        raise CheckFailed(f"{old!r} is {data.count(old)} times in {image}")
    copy = directory / f"bzImage.{new.decode()}"
    copy.write_bytes(data.replace(old, new))
    return copy


def dma_goes_on(answer: dict[str, Any]) -> bool:
    """Whether there is no warning that it stops."""
    return not any("DMA stops" in warning for warning in answer["warnings"])


def images(bundle: Bundle, vm: Vm, line: str) -> None:
    """Images that do not take what is preserved, or do not say."""
    image = paths.kernel_image(vm.config)

    def ask(path: Path) -> dict[str, Any]:
        return bundle.ask("check", path, "--cmdline", line)

    without = ask(paths.kernel_image(WITHOUT))
    check.equal("verdict without the feature", without["verdict"], "no")
    check.contains("reasons", " ".join(without["no"]), "takes no PCI devices")
    # Nor is the driver in it, but a module may be.
    check.contains("what cannot be told", " ".join(without["cannot_tell"]), FILE.decode())
    other_luo = changed(image, vm.directory, LUO, b"liveupdate_luo=luo-v6")
    says(ask(other_luo), "no", "no", "LUO: this kernel hands over luo-v5, the image takes luo-v6")
    silent = changed(image, vm.directory, MAGIC, b"None")
    says(ask(silent), "cannot tell", "cannot_tell", "states nothing")
    says(ask(paths.system_map(vm.config)), "cannot tell", "cannot_tell", "not a bzImage")
    no_handler = changed(image, vm.directory, FILE, FILE.replace(b"v1", b"v9"))
    says(ask(no_handler), "cannot tell", "cannot_tell", f"no handler {FILE.decode()}")
    modinfo = paths.build(vm.config) / "modules.builtin.modinfo"
    says(bundle.ask("check", silent, "--cmdline", line, "--modinfo", modinfo), "yes")


def command_lines(bundle: Bundle, image: Path, line: str) -> None:
    """Command lines with which the devices would be lost."""

    def ask(more: str) -> dict[str, Any]:
        return bundle.ask("check", image, "--cmdline", f"{line} {more}")

    says(bundle.ask("check", image), "cannot tell", "cannot_tell", "which command line")
    says(bundle.ask("check", image, "--cmdline", "liveupdate=on"), "no", "no", "kho=on")
    says(bundle.ask("check", image, "--cmdline", "kho=on"), "no", "no", "liveupdate=on")
    says(ask("kho=off"), "no", "no", "kho=on")
    says(ask("liveupdate=0"), "no", "no", "liveupdate=on")
    says(ask("pci=off"), "no", "no", "no device is found")
    says(ask("pci_liveupdate=ask"), "cannot tell", "cannot_tell", "pci_liveupdate=ask")
    for policy, warnings in (("contain", 0), ("ignore", 1)):
        answer = ask(f"pci_liveupdate={policy}")
        says(answer, "yes")
        found = [warning for warning in answer["warnings"] if "pci_liveupdate" in warning]
        check.equal(f"warnings of {policy}", len(found), warnings)
    answer = ask("intel_iommu=off")
    says(answer, "yes")
    check.contains("warning", " ".join(answer["warnings"]), "nothing isolates it")


def explained(old: Guest, bundle: Bundle, dma: bool) -> None:
    """Why a device would be preserved or not, and what happens if one tries."""
    answer = bundle.ask("explain", old.pci("ep0").bdf)
    says(answer, "yes")
    check.equal("DMA goes on", dma_goes_on(answer), dma)
    says(bundle.ask("explain", old.pci("left").bdf), "no", "no", "IOMMU group has other devices")
    says(bundle.ask("explain", old.pci("unbound").bdf), "no", "no", "no driver is bound")
    says(bundle.ask("explain", "0000:7f:00.0"), "no", "no", "there is no function")


def story(vm: Vm, case: Case) -> None:
    old = vm.boot(case.iommu)
    [device, _] = sample.bind(old, "ep0", "left")
    device.bus_master = True
    before = Bundle(old, vm.directory / "before")
    explained(old, before, case.dma)
    says(before.ask("status"), "yes")
    check.empty("outgoing devices", before.ask("status")["outgoing"]["devices"])

    vm.step("a device and a memfd are preserved")
    session = old.create_session("vm one")
    sample.preserve(session, device, DEVICE)
    session.save({"device": device.bdf})
    bundle = Bundle(old, vm.directory / "bundle")
    shown = bundle.ask("status")["outgoing"]
    counts = {found["bdf"]: found["count"] for found in shown["devices"]}
    check.equal("devices", counts, due(device))
    handlers = {file["handler"]: file["session"] for file in shown["files"]}
    check.equal("files", handlers, {FILE.decode(): "vm one", "memfd-v2": "vm one"})

    vm.step("images and command lines are compared with that")
    line = old.text("/proc/cmdline")
    image = paths.kernel_image(vm.config)
    for words in (["--cmdline", line], ["--reuse-cmdline"]):
        answer = bundle.ask("check", image, *words)
        says(answer, "yes")
        check.equal("DMA goes on", dma_goes_on(answer), case.dma)
    strict = bundle.ask("check", image, "--reuse-cmdline", "--strict")
    check.equal("strict verdict", strict["verdict"], "yes" if case.dma else "no")
    images(bundle, vm, line)
    command_lines(bundle, image, line)

    vm.step("it was right: the devices arrive")
    new = vm.live_update(case.iommu)
    check.equal("command line", new.text("/proc/cmdline"), line)
    after = Bundle(new, vm.directory / "after").ask("status")
    says(after, "yes")
    counts = {found["bdf"]: found["count"] for found in after["incoming"]["devices"]}
    check.equal("incoming", counts, due(new.pci(device.bdf)))
    check.equal("Bus Master", new.pci(device.bdf).bus_master, case.dma)
