# SPDX-License-Identifier: GPL-2.0
"""A device that is preserved and unpreserved until the last moment is handed over, or is not."""

from vm import Guest, GuestError, Machine, Session, Vm, check, endpoint, root_port, sample

MACHINE = Machine(
    devices=[
        root_port("rp0", "3"),
        root_port("rp1", "4"),
        endpoint("still", "rp0"),
        endpoint("busy", "rp1"),
    ],
    cpus=2,
)

FOREVER = 10**9
TOKEN = 1


def keep_changing(guest: Guest, luo: int, node: str) -> None:
    """Preserves and unpreserves a device until user space is gone."""
    guest.stress(
        "busy",
        FOREVER,
        ("file.open", node, "rw"),
        ("luo.create", luo, "busy"),
        ("luo.preserve_fd", "$1", "$0", TOKEN),
        ("fd.close", "$1"),
        ("fd.close", "$0"),
    )


def story(vm: Vm) -> None:
    old = vm.boot()
    still, busy = sample.bind(old, "still", "busy")
    ports = [old.pci(name).bdf for name in ("rp0", "rp1")]
    luo = old.open("/dev/liveupdate")
    session = Session(old, old.new_fd("luo.create", luo.number, "story"))
    sample.preserve(session, still, TOKEN)
    keep_changing(old, luo.number, sample.node(busy))

    new = vm.live_update()
    counts = {bdf: entry.count for bdf, entry in new.incoming().items()}
    whole = {still.bdf: 1, ports[0]: 1}
    check.contains("incoming", [whole, whole | {busy.bdf: 1, ports[1]: 1}], counts)

    sample.bind(new, still.bdf, busy.bdf)
    for name in ["story", "busy"]:
        try:
            session = new.retrieve_session(name)
        except GuestError:
            check.equal("the session that may be missing", name, "busy")
            continue
        if name == "story" or busy.bdf in counts:
            session.retrieve(TOKEN).close()
        session.finish()
    check.empty("incoming after finish", new.incoming())
