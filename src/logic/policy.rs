// SPDX-License-Identifier: GPL-2.0

//! What to do when devices were handed over and it cannot be told which.

use core::fmt;

/// The meaning of `pci_liveupdate=` on the kernel command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Stop, with the full diagnosis: whatever the devices write goes to memory that this kernel
    /// may be using for something else.
    #[default]
    Panic,
    /// Boot on, with Bus Master cleared on every function before anything else is done with it.
    Contain,
    /// Boot on as if nothing had been handed over.
    Ignore,
}

impl Policy {
    const ALL: [Self; 3] = [Self::Panic, Self::Contain, Self::Ignore];

    /// The policy of that name.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name().as_bytes() == name)
    }

    /// The policy where nobody can tell whether devices were handed over at all.
    ///
    /// That is no reason to stop, but none to let unknown devices reach memory, either.
    pub const fn if_unknown(self) -> Self {
        match self {
            Self::Panic | Self::Contain => Self::Contain,
            Self::Ignore => Self::Ignore,
        }
    }

    /// As it stands on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Contain => "contain",
            Self::Ignore => "ignore",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
