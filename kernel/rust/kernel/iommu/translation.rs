// SPDX-License-Identifier: GPL-2.0

//! Whether there is an IOMMU between a device and memory.

use crate::device::{
    Bound,
    Device, //
};

/// Returns whether the addresses that a device uses are translated.
///
/// If not, they are physical addresses, and the device reaches all of memory.
///
/// C header: [`include/linux/iommu.h`](srctree/include/linux/iommu.h)
#[cfg(CONFIG_IOMMU_API)]
pub fn is_translated(dev: &Device<Bound>) -> bool {
    use crate::bindings;

    // SAFETY: `dev` is a valid device. The domain of a device does not change while it is bound.
    let domain = unsafe { bindings::iommu_get_domain_for_dev(dev.as_raw()) };

    // SAFETY: The pointer was just checked; the domain lives as long as the device uses it.
    !domain.is_null() && unsafe { (*domain).type_ } != bindings::IOMMU_DOMAIN_IDENTITY
}

/// As above, for a kernel that knows no IOMMU.
#[cfg(not(CONFIG_IOMMU_API))]
pub fn is_translated(_dev: &Device<Bound>) -> bool {
    false
}
