// SPDX-License-Identifier: GPL-2.0

//! Who decides about a device: every case there is.

use pci_liveupdate_host::logic::{
    Driver,
    Ending,
    Owned, //
};

const DRIVERS: [Driver; 3] = [Driver::None, Driver::Other, Driver::LiveUpdate];
const ENDINGS: [Ending; 4] = [Ending::No, Ending::Handover, Ending::Kexec, Ending::Off];
const BOOLS: [bool; 2] = [false, true];

fn all() -> impl Iterator<Item = Owned> {
    BOOLS.into_iter().flat_map(|incoming| {
        BOOLS.into_iter().flat_map(move |outgoing| {
            BOOLS.into_iter().flat_map(move |bridge| {
                DRIVERS.into_iter().map(move |driver| Owned {
                    incoming,
                    outgoing,
                    bridge,
                    driver,
                })
            })
        })
    })
}

#[test]
fn a_driver_is_obeyed_by_its_endpoint_at_any_time() {
    for device in all().filter(|device| !device.bridge && device.driver != Driver::None) {
        for ending in ENDINGS {
            assert!(!device.keeps_master(ending), "{device:?} {ending:?}");
        }
    }
}

#[test]
fn an_endpoint_without_a_driver_keeps_bus_master_while_incoming() {
    let driver = Driver::None;

    for device in all().filter(|device| !device.bridge && device.driver == driver) {
        assert_eq!(
            device.keeps_master(Ending::No),
            device.incoming,
            "{device:?}"
        );
    }
}

#[test]
fn a_bridge_keeps_bus_master_while_anything_below_it_is_live_whatever_its_driver_says() {
    for device in all().filter(|device| device.bridge) {
        let live = device.incoming || device.outgoing;

        assert_eq!(device.keeps_master(Ending::No), live, "{device:?}");
    }
}

#[test]
fn over_kexec_only_what_the_next_kernel_hears_of_keeps_bus_master() {
    for device in all() {
        for ending in ENDINGS {
            let handed_over = device.outgoing && ending == Ending::Handover;

            assert_eq!(
                device.keeps_dma(ending),
                handed_over,
                "{device:?} {ending:?}"
            );
        }
    }
}

#[test]
fn at_the_end_nothing_keeps_bus_master_that_shutdown_takes_from_it() {
    for device in all() {
        for ending in [Ending::Handover, Ending::Kexec, Ending::Off] {
            let keeps = device.keeps_master(ending);

            assert!(!keeps || device.keeps_dma(ending), "{device:?} {ending:?}");
        }
        assert!(!device.keeps_master(Ending::Off), "{device:?}");
    }
}

#[test]
fn intx_of_an_incoming_endpoint_is_left_to_a_driver_that_knows() {
    for device in all() {
        let keeps = match device.driver {
            Driver::None | Driver::LiveUpdate => device.incoming && !device.bridge,
            Driver::Other => false,
        };

        assert_eq!(device.keeps_intx(), keeps, "{device:?}");
    }
}

#[test]
fn a_live_device_is_reset_by_a_driver_that_knows_only() {
    for device in all() {
        let live = device.incoming || device.outgoing;

        assert_eq!(
            device.may_reset(),
            !live || device.driver == Driver::LiveUpdate,
            "{device:?}"
        );
    }
}
