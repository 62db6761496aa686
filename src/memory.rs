// SPDX-License-Identifier: GPL-2.0

//! Where an array lives.

use crate::abi::Ser;
#[cfg(CONFIG_PCI_LIVEUPDATE_KUNIT_TEST)]
use crate::tests::Plain;
use core::ops::{
    Deref,
    DerefMut, //
};
use kernel::kho;

/// Memory that a kernel hands over to the next one or, in unit tests, any memory.
pub(crate) enum Memory<K> {
    Kho(K),
    #[cfg(CONFIG_PCI_LIVEUPDATE_KUNIT_TEST)]
    Plain(Plain),
}

impl Memory<kho::Preserved<Ser>> {
    /// Whether it still is what it was when it was allocated.
    pub(crate) fn is_intact(&self) -> bool {
        match self {
            Self::Kho(memory) => memory.is_intact(),
            #[cfg(CONFIG_PCI_LIVEUPDATE_KUNIT_TEST)]
            Self::Plain(_) => true,
        }
    }
}

impl<K: Deref<Target = Ser>> Deref for Memory<K> {
    type Target = Ser;

    fn deref(&self) -> &Ser {
        match self {
            Self::Kho(memory) => memory,
            #[cfg(CONFIG_PCI_LIVEUPDATE_KUNIT_TEST)]
            Self::Plain(memory) => memory,
        }
    }
}

impl<K: DerefMut<Target = Ser>> DerefMut for Memory<K> {
    fn deref_mut(&mut self) -> &mut Ser {
        match self {
            Self::Kho(memory) => memory,
            #[cfg(CONFIG_PCI_LIVEUPDATE_KUNIT_TEST)]
            Self::Plain(memory) => memory,
        }
    }
}
