// SPDX-License-Identifier: GPL-2.0

//! The index by address, an xarray.

use crate::{
    abi::Key,
    logic::Index,
    xindex::XIndex, //
};
use kernel::prelude::*;

#[kunit_tests(pci_liveupdate_xindex)]
mod tests {
    use super::*;

    /// Functions whose addresses differ in any number have entries of their own, and every number
    /// of 32 bits is returned as it was kept.
    #[test]
    fn keys_and_numbers() -> Result {
        let domains = [0, 1, 0xffff, 0x1_0000, 0x7fff_ffff, 0xffff_ffff];
        let bdfs = [0, 1, 0xff, 0x100, 0xff00, 0xffff];
        let keys = || {
            domains
                .into_iter()
                .flat_map(move |domain| bdfs.into_iter().map(move |bdf| Key::new(domain, bdf)))
        };
        let numbers = || (0..18).flat_map(|nr| [nr, u32::MAX - nr]);
        let mut index = XIndex::new()?;

        for (key, nr) in keys().zip(numbers()) {
            assert_eq!(index.get(key), None);
            assert_eq!(index.insert(key, nr)?, None);
        }
        assert_eq!(keys().count(), numbers().count());
        for (key, nr) in keys().zip(numbers()) {
            assert_eq!(index.get(key), Some(nr));
        }
        Ok(())
    }

    /// A second number replaces the first one, which is returned.
    #[test]
    fn key_twice() -> Result {
        let (there, other) = (Key::new(1, 0x100), Key::new(1, 0x101));
        let mut index = XIndex::new()?;

        assert_eq!(index.insert(there, 0)?, None);
        assert_eq!(index.insert(there, 8)?, Some(0));
        assert_eq!(index.insert(there, 9)?, Some(8));
        assert_eq!(index.get(there), Some(9));
        assert_eq!(index.get(other), None);
        Ok(())
    }

    /// Its memory is freed with it. KASAN and kmemleak check that.
    #[test]
    fn index_is_freed() -> Result {
        let mut index = XIndex::new()?;

        for bdf in 0..1000 {
            index.insert(Key::new(u32::from(bdf) * 77, bdf), bdf.into())?;
        }
        drop(index);
        Ok(())
    }
}
