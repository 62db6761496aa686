// SPDX-License-Identifier: GPL-2.0

//! Devices that an IOMMU cannot tell from each other.

use super::{
    fake_bus::Device,
    hardware::Function,
    machine::Machine,
    scene, //
};
use crate::{
    device::{
        DeviceExt,
        Flag, //
    },
    logic::{
        may_preserve,
        Objection, //
    },
    outgoing, //
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
/// A group that we have a reference to. Each of `members` is in it, and in no other.
struct Group<'a> {
    group: NonNull<bindings::iommu_group>,
    members: KVec<Device<'a>>,
}

impl<'a> Group<'a> {
    fn new(machine: &'a Machine, functions: &[Function]) -> Result<Self> {
        // SAFETY: Always safe to call.
        let group = from_err_ptr(unsafe { bindings::iommu_group_alloc() })?;
        // INVARIANT: The reference is the one that came with the group.
        let mut group = Self {
            group: NonNull::new(group).ok_or(ENOMEM)?,
            members: KVec::with_capacity(functions.len(), GFP_KERNEL)?,
        };

        for function in functions {
            let dev = machine.fake.device(*function).ok_or(ENODEV)?;

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

    /// Bridges above a device may be in its group. Nobody else may, be it below or beside it.
    #[test]
    fn only_what_is_above() -> Result {
        let machine = Machine::new()?;
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

        scene::clear();
        machine.fake.scan()?;
        for (function, members, may) in table {
            let group = Group::new(&machine, members)?;
            let dev = machine.fake.device(function).ok_or(ENODEV)?;
            let objection = may_preserve(&dev.facts()).err();

            scene::begin_outgoing(8)?;
            let preserved = outgoing::preserve(&dev);
            drop(group);
            assert_eq!(objection, (!may).then_some(Objection::GroupShared));
            assert_eq!(preserved.err(), (!may).then_some(EINVAL));
            assert_eq!(dev.has(Flag::Outgoing), may);
            outgoing::unpreserve(&dev);
            assert_eq!(scene::nr_outgoing(), Some(0));
        }
        scene::clear();
        Ok(())
    }
}
