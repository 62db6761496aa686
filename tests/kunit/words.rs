// SPDX-License-Identifier: GPL-2.0

//! The small parts: the policy on the command line, the index of the logic.

use crate::{
    abi::Key,
    logic::{
        Index,
        Policy, //
    },
    xindex::XIndex, //
};
use kernel::prelude::*;

#[kunit_tests(pci_liveupdate_words)]
mod tests {
    use super::*;

    /// The three words, and nothing that only looks like them.
    #[test]
    fn policies() {
        for (word, policy) in [
            ("panic", Some(Policy::Panic)),
            ("contain", Some(Policy::Contain)),
            ("ignore", Some(Policy::Ignore)),
            ("", None),
            ("Panic", None),
            ("pani", None),
            ("panics", None),
            (" panic", None),
            ("contain ", None),
            ("contain,ignore", None),
            ("ignore\n", None),
            ("0", None),
        ] {
            assert_eq!(Policy::parse(word.as_bytes()), policy);
        }
        assert_eq!(Policy::default(), Policy::Panic);
    }

    /// Functions that differ in any number are kept apart, also at the ends of each.
    #[test]
    fn index_keeps_functions_apart() -> Result {
        let domains = [0, 1, 0xffff, 0x1_0000, 0x7fff_ffff, 0xffff_ffff];
        let bdfs = [0, 1, 0xff, 0x100, 0xff00, 0xffff];
        let keys = || {
            domains
                .into_iter()
                .flat_map(move |domain| bdfs.into_iter().map(move |bdf| Key::new(domain, bdf)))
        };
        let mut index = XIndex::new()?;

        for (nr, key) in keys().enumerate() {
            assert_eq!(index.get(key), None);
            index.insert(key, nr)?;
        }
        for (nr, key) in keys().enumerate() {
            assert_eq!(index.get(key), Some(nr));
            index.update(key, |slot| *slot += 1000);
        }
        for (nr, key) in keys().enumerate() {
            assert_eq!(index.get(key), Some(nr + 1000));
            index.remove(key);
            assert_eq!(index.get(key), None);
        }
        Ok(())
    }

    /// To change or to forget what is not there is nothing.
    #[test]
    fn index_without_function() -> Result {
        let (there, other) = (Key::new(1, 0x100), Key::new(1, 0x101));
        let mut index = XIndex::new()?;

        index.insert(there, 7)?;
        index.update(other, |slot| *slot = 8);
        index.remove(other);
        assert_eq!(index.get(there), Some(7));
        assert_eq!(index.get(other), None);
        index.remove(there);
        index.remove(there);
        assert_eq!(index.get(there), None);
        Ok(())
    }

    /// The memory of whatever is still in it goes with it. KASAN and kmemleak see to that.
    #[test]
    fn index_is_freed() -> Result {
        let mut index = XIndex::new()?;

        for bdf in 0..1000 {
            index.insert(Key::new(u32::from(bdf) * 77, bdf), bdf)?;
        }
        drop(index);
        Ok(())
    }
}
