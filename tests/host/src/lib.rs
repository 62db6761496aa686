// SPDX-License-Identifier: GPL-2.0

//! The parts of the core that need no kernel, built for the host.
//!
//! [`abi`], [`logic`] and [`vfio_pci`] are the files that the kernel compiles. The rest stands in for what the
//! kernel brings, the functions of a machine, memory and an index, and checks the results against
//! two implementations that share no code with the core:
//!
//! ```text
//!   bytes -- abi::check, logic::Incoming -- == -- naive::read        what the bytes say
//!   pages -- abi::walk,  logic::Incoming -- == -- naive::read_list
//!   bytes -- abi::identity ---------------- == -- record::naive      what a record says
//!   steps -- logic::Outgoing -------------- == -- model::Outgoing    how often each is counted
//!   steps -- logic::Incoming -------------- == -- model::Incoming    what is left of that
//! ```

#[path = "../../../abi/mod.rs"]
pub mod abi;
#[path = "../../../src/logic/mod.rs"]
pub mod logic;
#[path = "../../../kernel/drivers/vfio/pci/liveupdate/format.rs"]
pub mod vfio_pci;

pub mod block;
pub mod cases;
pub mod folio;
pub mod golden;
pub mod image;
pub mod machine;
pub mod map;
pub mod model;
pub mod naive;
pub mod page;
pub mod pair;
pub mod receive;
pub mod received;
pub mod record;
pub mod recorder;
pub mod text;
pub mod tree;
