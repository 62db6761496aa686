// SPDX-License-Identifier: GPL-2.0

//! Preserving and giving back, sentence by sentence.

use pci_liveupdate_host::{
    abi::Key,
    folio::Folio,
    logic::{
        Function,
        NotPreserved,
        Path,
        Refused, //
    },
    map::{
        Map,
        NoMemory,
        Probe, //
    },
    pair::Core,
};
use zerocopy::IntoBytes;

const fn device(bdf: u16) -> Function {
    Function {
        key: Key::new(0, bdf),
        bridge: false,
    }
}

const fn bridge(bdf: u16) -> Function {
    Function {
        key: Key::new(0, bdf),
        bridge: true,
    }
}

const ROOT: Function = bridge(0x0008);
const PORT: Function = bridge(0x0100);
const DISK: Function = device(0x0200);
const CARD: Function = device(0x0208);

fn below<const N: usize>(
    device: Function,
    above: [Function; N],
) -> Path<impl Iterator<Item = Function> + Clone> {
    Path {
        device,
        above: above.into_iter(),
    }
}

fn core(room: usize) -> (Core, Probe) {
    let probe = Probe::default();

    (Core::new(Folio::for_devices(room), Map::new(&probe)), probe)
}

fn count(core: &Core, function: Function) -> u16 {
    let mut counts = core.iter().filter(|(dev, _)| dev.key() == function.key);

    counts.next().map_or(0, |(dev, _)| dev.refcount)
}

#[test]
fn a_new_block_is_empty_whatever_the_memory_held() {
    let scribbled = Folio::new(4096, &[0xff; 4096]);
    let core = Core::new(scribbled, Map::default());

    assert_eq!(core.ser().max_nr_devices, 511, "the whole folio is used");
    assert_eq!(core.ser().nr_devices, 0);
    assert_eq!(core.ser().devices.as_bytes(), [0; 511 * 8]);
    assert_eq!(core.check(), Ok(()));
}

#[test]
fn the_device_and_every_bridge_above_it_get_an_entry() {
    let (mut core, _) = core(8);

    assert_eq!(core.preserve(&below(DISK, [PORT, ROOT])), Ok(()));
    for function in [DISK, PORT, ROOT] {
        assert_eq!(count(&core, function), 1);
    }
    assert_eq!(core.nr_own(), 1);
}

#[test]
fn a_device_on_a_root_bus_has_nothing_above_it() {
    let (mut core, _) = core(1);

    assert_eq!(core.preserve(&below(CARD, [])), Ok(()));
    assert_eq!(core.ser().nr_devices, 1);
    assert_eq!(count(&core, CARD), 1);
}

#[test]
fn a_bridge_is_counted_once_for_every_preserved_device_below_it() {
    let (mut core, _) = core(8);

    assert_eq!(core.preserve(&below(DISK, [PORT, ROOT])), Ok(()));
    assert_eq!(core.preserve(&below(CARD, [PORT, ROOT])), Ok(()));
    assert_eq!((count(&core, PORT), count(&core, ROOT)), (2, 2));
    assert_eq!(core.unpreserve(&below(DISK, [PORT, ROOT])), Ok(()));
    assert_eq!((count(&core, PORT), count(&core, ROOT)), (1, 1));
}

#[test]
fn a_bridge_that_a_driver_preserves_is_counted_once_more() {
    let (mut core, _) = core(8);

    assert_eq!(core.preserve(&below(DISK, [PORT, ROOT])), Ok(()));
    assert_eq!(core.preserve(&below(PORT, [ROOT])), Ok(()));
    assert_eq!((count(&core, PORT), count(&core, ROOT)), (2, 2));
    assert_eq!(core.preserve(&below(PORT, [ROOT])), Err(Refused::Busy));
    assert_eq!(core.unpreserve(&below(PORT, [ROOT])), Ok(()));
    assert_eq!((count(&core, PORT), count(&core, ROOT)), (1, 1));
    assert!(core.contains(PORT.key) && !core.is_own(PORT.key));
}

#[test]
fn a_device_that_is_already_outgoing_is_busy() {
    let (mut core, _) = core(8);

    assert_eq!(core.preserve(&below(DISK, [ROOT])), Ok(()));
    assert_eq!(core.preserve(&below(DISK, [ROOT])), Err(Refused::Busy));
    assert_eq!((count(&core, DISK), count(&core, ROOT)), (1, 1));
}

#[test]
fn a_full_array_refuses_and_nothing_has_changed() {
    for room in 0..3 {
        let (mut core, probe) = core(room);
        let empty = core.ser().as_bytes().to_vec();

        let result = core.preserve(&below(DISK, [PORT, ROOT]));
        assert_eq!(result, Err(Refused::Full));
        assert_eq!(core.ser().as_bytes(), empty);
        assert!(probe.is_empty());
    }
}

#[test]
fn a_failure_gives_the_counts_back_in_reverse_order() {
    let (mut core, probe) = core(8);

    probe.set_fuse(Some(2));
    let result = core.preserve(&below(DISK, [PORT, ROOT]));
    assert_eq!(result, Err(Refused::Index(NoMemory)));
    assert_eq!(probe.removed(), [PORT.key, DISK.key]);
}

#[test]
fn giving_back_begins_at_the_root_port() {
    let (mut core, probe) = core(8);

    assert_eq!(core.preserve(&below(DISK, [PORT, ROOT])), Ok(()));
    assert_eq!(core.unpreserve(&below(DISK, [PORT, ROOT])), Ok(()));
    assert_eq!(probe.removed(), [ROOT.key, PORT.key, DISK.key]);
}

#[test]
fn at_65535_a_count_does_not_wrap_and_nothing_has_changed() {
    let (mut core, probe) = core(1 << 17);
    let crowded = |domain, bdf| Function {
        key: Key::new(domain, bdf),
        bridge: false,
    };

    for bdf in 1..=u16::MAX {
        assert_eq!(core.preserve(&below(crowded(1, bdf), [ROOT])), Ok(()));
    }
    assert_eq!(count(&core, ROOT), u16::MAX);

    let full = core.ser().as_bytes().to_vec();
    let result = core.preserve(&below(DISK, [PORT, ROOT]));
    assert_eq!(result, Err(Refused::Overflow(ROOT.key)));
    assert_eq!(core.ser().as_bytes(), full);
    assert_eq!(probe.len(), 1 << 16);

    assert_eq!(core.unpreserve(&below(crowded(1, 1), [ROOT])), Ok(()));
    assert_eq!(core.preserve(&below(DISK, [PORT, ROOT])), Ok(()));
    assert_eq!(count(&core, ROOT), u16::MAX);
}

#[test]
fn giving_back_what_is_not_preserved_changes_nothing() {
    let (mut core, _) = core(8);

    assert_eq!(core.preserve(&below(DISK, [ROOT])), Ok(()));
    let before = core.ser().as_bytes().to_vec();
    assert_eq!(core.unpreserve(&below(CARD, [ROOT])), Err(NotPreserved));
    assert_eq!(core.unpreserve(&below(ROOT, [])), Err(NotPreserved));
    assert_eq!(core.ser().as_bytes(), before);
}

#[test]
fn the_same_function_of_two_segments_is_two_functions() {
    let (mut core, _) = core(8);
    let other = Function {
        key: Key::new(0x1_0000, DISK.key.bdf()),
        ..DISK
    };

    assert_eq!(core.preserve(&below(DISK, [])), Ok(()));
    assert_eq!(core.preserve(&below(other, [])), Ok(()));
    assert_eq!(core.unpreserve(&below(DISK, [])), Ok(()));
    assert!(core.contains(other.key) && !core.contains(DISK.key));
}

#[test]
fn a_refusal_says_the_reason() {
    let refusals = [
        (Refused::Busy, "it is preserved already"),
        (Refused::Full, "the array for the next kernel is full"),
        (
            Refused::Overflow(ROOT.key),
            "0000:00:01.0 is on the path of 65535 others",
        ),
        (
            Refused::Index(NoMemory),
            "there is no memory to remember it in",
        ),
    ];

    for (refused, reason) in refusals {
        assert_eq!(refused.to_string(), reason);
    }
}
