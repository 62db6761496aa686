// SPDX-License-Identifier: GPL-2.0

//! Devices that an IOMMU cannot tell from each other.

use super::{
    fake_bus::Device,
    fixture::Fixture,
    hardware::Function,
    machine::Machine, //
};
use crate::{
    device::DeviceExt,
    logic::{
        eligible,
        Function as _,
        Ineligible, //
    }, //
};
use core::ptr::NonNull;
use kernel::{
    bindings,
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*, //
};

/// An IOMMU group without an IOMMU.
///
/// # Invariants
///
/// The value has a reference on the group. Each of `members` is in it, and in no other one.
struct Group<'a> {
    group: NonNull<bindings::iommu_group>,
    members: KVec<Device<'a>>,
}

impl<'a> Group<'a> {
    fn new(machine: &'a Machine<'_>, functions: &[Function]) -> Result<Self> {
        // SAFETY: Always safe to call.
        let group = from_err_ptr(unsafe { bindings::iommu_group_alloc() })?;
        // INVARIANT: The reference is the one that came with the group.
        let mut group = Self {
            group: NonNull::new(group).ok_or(ENOMEM)?,
            members: KVec::with_capacity(functions.len(), GFP_KERNEL)?,
        };

        for function in functions {
            let dev = machine.device(*function)?;

            // SAFETY: A group that is there, and a device that `dev` keeps.
            let added = unsafe {
                bindings::iommu_group_add_device(group.group.as_ptr(), &raw mut (*dev.raw()).dev)
            };
            to_result(added)?;
            // INVARIANT: It is in the group, and was in none.
            group.members.push(dev, GFP_KERNEL)?;
        }
        Ok(group)
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        for dev in &self.members {
            // SAFETY: By the type invariant, a member.
            unsafe { bindings::iommu_group_remove_device(&raw mut (*dev.raw()).dev) };
        }
        // SAFETY: By the type invariant, the reference is ours, and not used any more.
        unsafe { bindings::iommu_group_put(self.group.as_ptr()) };
    }
}

#[kunit_tests(pci_liveupdate_groups)]
mod tests {
    use super::*;

    /// Only bridges above a device may be in its group.
    #[test]
    fn only_bridges_above() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;
        let [root, upstream, downstream] = machine.ports;
        let ([first, second], dev) = (machine.slot, machine.endpoint);
        let table: [(Function, &[Function], bool); 8] = [
            (dev, &[dev], true),
            (dev, &[dev, downstream], true),
            (dev, &[root, upstream, downstream, dev], true),
            (dev, &[dev, first], false),
            (dev, &[first, dev], false),
            (first, &[first, second], false),
            (root, &[root, dev], false),
            (root, &[root], true),
        ];

        machine.fake.scan()?;
        for (function, members, may) in table {
            let group = Group::new(&machine, members)?;
            let dev = machine.device(function)?;
            let reason = eligible(&dev.facts()).err();

            core.start_outgoing(8)?;
            let preserved = core.preserve(&dev);
            drop(group);
            assert_eq!(reason, (!may).then_some(Ineligible::GroupShared));
            assert_eq!(preserved.err(), (!may).then_some(EINVAL));
            assert_eq!(dev.outgoing().is_some(), may);
            core.unpreserve(&dev);
            assert_eq!(core.nr_outgoing(), Some(0));
        }
        Ok(())
    }
}
