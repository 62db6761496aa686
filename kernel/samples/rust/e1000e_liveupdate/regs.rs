// SPDX-License-Identifier: GPL-2.0

//! The registers of an Intel 82574 that are needed to receive.

use kernel::io::register; //

register! {
    /// Device control.
    pub(crate) CTRL(u32) @ 0x0000 {
        /// Resets everything but the PCI configuration. Clears itself.
        26:26   reset => bool;
        /// Sets the link up.
        6:6     set_link_up => bool;
    }

    /// Interrupt mask, clear: a 1 masks the cause.
    pub(crate) IMC(u32) @ 0x00d8 {
        31:0    causes;
    }

    /// Receive control.
    pub(crate) RCTL(u32) @ 0x0100 {
        /// Does not store the frame check sequence.
        26:26   strip_crc => bool;
        /// The size of a buffer: 3 means 256 bytes.
        17:16   buffer_size;
        /// Accepts broadcast frames, besides those to its own address.
        15:15   accept_broadcast => bool;
        /// Receives.
        1:1     enable => bool;
    }

    /// Address of the receive ring, low part.
    pub(crate) RDBAL(u32) @ 0x2800 {
        31:0    address;
    }

    /// Address of the receive ring, high part.
    pub(crate) RDBAH(u32) @ 0x2804 {
        31:0    address;
    }

    /// Length of the receive ring in bytes.
    pub(crate) RDLEN(u32) @ 0x2808 {
        19:0    bytes;
    }

    /// The descriptor that the card fills next.
    pub(crate) RDH(u32) @ 0x2810 {
        15:0    index;
    }

    /// The first descriptor that the card must not use.
    pub(crate) RDT(u32) @ 0x2818 {
        15:0    index;
    }
}

/// The end of these registers, and the minimum size of the mapping of BAR 0.
pub(crate) const END: usize = 0x2820;
