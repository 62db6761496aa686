// SPDX-License-Identifier: GPL-2.0

//! The number of random cases for each property.

use proptest::test_runner::Config;

/// Arbitrary bytes, and blocks that are nearly valid.
pub const DECODER: u32 = 20_000;
/// Numbers around their limits, bytes that have no meaning, sizes, slots.
pub const DETAIL: u32 = 10_000;
/// Sequences of steps that are compared with a model.
pub const MODEL: u32 = 15_000;
/// Handovers from one kernel to the next.
pub const HANDOVER: u32 = 5_000;
/// Sequences of steps on a machine with 65,535 devices.
pub const FILLED: u32 = 10;

/// The cases of all properties together.
pub const TOTAL: u32 = 4 * DECODER + 9 * DETAIL + 2 * MODEL + HANDOVER + FILLED;
const _: () = assert!(TOTAL >= 100_000);

/// Runs a property `cases` times. The smallest case that fails is printed, not saved in a file.
pub fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}
