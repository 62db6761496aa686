# SPDX-License-Identifier: GPL-2.0
"""ACS controls of an incoming bridge are kept, whatever the command line says."""

from vm import Machine, Pci, Vm, check, endpoint, fabric, root_port, sample
from vm.pci import ACS_CTRL, EXT_CAP_ACS

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        root_port("rp1", "5"),
        endpoint("live", "rp0"),
        endpoint("other", "rp1"),
    ],
    # DMA of a translated device would stop at the jump.
    arguments="iommu=pt",
    qemu=["-device", "intel-iommu"],
)

# Source Validation and Upstream Forwarding, unlike the default of the kernel.
UNUSUAL = 0x0011
# The parameter lists the bits from the highest one down: Request Redirect.
CHOSEN = 0x0004
OPTION = "pci=config_acs=0000100@pci:0:0"
STATUS = "power/runtime_status"


def sleep_and_wake(vm: Vm, endpoint: Pci) -> None:
    """Resuming a port restores its registers, as after a reset."""
    port = endpoint.line[-2]
    # Ports of the machine have no power management, so their driver keeps them awake.
    port.unbind()
    for function in (endpoint, port):
        function.set_attribute("power/control", "auto")
    vm.wait_for(f"{port} sleeps", lambda: port.attribute(STATUS) == "suspended", 5)
    port.set_attribute("power/control", "on")
    check.equal(f"state of {port}", port.attribute(STATUS), "active")


def story(vm: Vm) -> None:
    old = vm.boot()
    ports = [old.pci("rp0"), old.pci("rp1")]
    register = ports[0].extended(EXT_CAP_ACS) + ACS_CTRL
    for port in ports:
        port.write(register, 2, UNUSUAL)
    sample.bind(old, "live")
    session = old.create_session()
    sample.preserve(session, old.pci("live"), 1)
    path = fabric.Path(ports[0], old.pci("live"))

    mark = vm.trace.mark()
    new = vm.live_update(OPTION)
    port, other = (new.pci(function.bdf) for function in ports)
    check.equal("ACS control of the incoming port", port.read(register, 2), UNUSUAL)
    check.equal("writes to it", list(vm.trace.writes(port.bdf, register, since=mark)), [])
    check.true("the other port has what was asked for", other.read(register, 2) & CHOSEN)
    said = new.said(f"{port.bdf}: ACS Control kept")
    check.equal("how often the log says so", len(said), 1)
    path.undisturbed(vm.trace, mark)

    vm.step("finished, it still has what its users rely on, also when it was lost")
    sample.bind(new, path.bdfs[-1])
    session = new.retrieve_session()
    session.retrieve(1).close()
    session.finish()
    live, neighbour = new.pci(path.bdfs[-1]), new.pci("other")
    live.unbind()
    for function in (port, other):
        function.write(register, 2, 0)
        check.equal(f"ACS control of {function}", function.read(register, 2), 0)
    for function in (live, neighbour):
        sleep_and_wake(vm, function)
    check.true("the other port has what was asked for", other.read(register, 2) & CHOSEN)
    check.equal("ACS control of the port", port.read(register, 2), UNUSUAL)
