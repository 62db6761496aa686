// SPDX-License-Identifier: GPL-2.0

//! The parts of the core that do not know that they run in a kernel, built for the host.
//!
//! [`abi`] and [`logic`] are the very files that the kernel compiles. The rest is what the tests
//! put around them: the memory and the index that a kernel would bring, random topologies, and two
//! second opinions that share no code with what they are compared with:
//!
//! ```text
//!   bytes ── abi::check, logic::Incoming ── == ── naive::read        what do these bytes say?
//!   steps ── logic::Outgoing ────────────── == ── model::Model       who is counted how often?
//! ```

#[path = "../../../abi/mod.rs"]
pub mod abi;
#[path = "../../../src/logic/mod.rs"]
pub mod logic;

pub mod block;
pub mod cases;
pub mod folio;
pub mod golden;
pub mod map;
pub mod model;
pub mod naive;
pub mod pair;
pub mod text;
pub mod tree;
