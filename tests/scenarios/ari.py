# SPDX-License-Identifier: GPL-2.0
"""ARI Forwarding of the port above a preserved device is kept, also with pci=noari."""

from vm import Device, Machine, Vm, check, device, endpoint, fabric, root_port, sample

# An NVMe controller with SR-IOV has ARI as well.
WITH_ARI = (
    ("serial", "live"),
    ("subsys", "subsys"),
    ("sriov_max_vfs", "2"),
    ("sriov_vq_flexible", "4"),
    ("sriov_vi_flexible", "2"),
)

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        root_port("rp1", "5"),
        device("nvme-subsys", "subsys", bus=""),
        Device("nvme", "live", "rp0", options=WITH_ARI),
        endpoint("plain", "rp1"),
    ],
)


def story(vm: Vm) -> None:
    old = vm.boot()
    port, live, plain = (old.pci(name) for name in ("rp0", "live", "rp1"))
    check.true("ARI Forwarding of the port is on", fabric.routing(port).ari)
    check.true("that of the other one is off", not fabric.routing(plain).ari)
    sample.bind(old, live.bdf)
    session = old.create_session()
    sample.preserve(session, live, 1)
    path = fabric.Path(port, live)

    mark = vm.trace.mark()
    new = vm.live_update("pci=noari")
    path.undisturbed(vm.trace, mark)
    path.reads_the_same(new.pci(bdf) for bdf in path.bdfs)
    check.equal("what the kernel makes of it", new.pci(live.bdf).attribute("ari_enabled"), "1")

    vm.step("without an option, it stays as well, and is not written")
    sample.bind(new, live.bdf)
    session = new.retrieve_session()
    session.retrieve(1).close()
    session.finish()
    session.close()
    session = new.create_session("second")
    sample.preserve(session, new.pci(live.bdf), 1)
    mark = vm.trace.mark()
    new = vm.live_update()
    path.undisturbed(vm.trace, mark)
    path.reads_the_same(new.pci(bdf) for bdf in path.bdfs)
