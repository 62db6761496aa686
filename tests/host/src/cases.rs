// SPDX-License-Identifier: GPL-2.0

//! How many random cases each property gets.

use proptest::test_runner::Config;

/// Arbitrary bytes, and blocks that are nearly right.
pub const DECODER: u32 = 20_000;
/// Numbers around their limits, bytes that must not matter, sizes.
pub const DETAIL: u32 = 10_000;
/// Sequences of steps against a model.
pub const MODEL: u32 = 15_000;
/// Whole handovers.
pub const HANDOVER: u32 = 5_000;
/// Sequences that begin with tens of thousands of devices.
pub const CROWD: u32 = 10;

/// What all properties together run, once each.
pub const TOTAL: u32 = 2 * DECODER + 4 * DETAIL + 2 * MODEL + HANDOVER + CROWD;
const _: () = assert!(TOTAL >= 100_000);

/// Runs a property `cases` times. The smallest case that fails is printed, not kept in a file.
pub fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}
