// SPDX-License-Identifier: GPL-2.0

//! Which bus numbers of a bridge can stay as they are.

use crate::abi::Key;
use core::{
    fmt,
    iter, //
};

/// The buses from `first` to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The lowest of them.
    pub first: u8,
    /// The highest of them.
    pub last: u8,
}

impl Range {
    fn meets(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[bus {:02x}-{:02x}]", self.first, self.last)
    }
}

/// A bridge as its bus sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// The numbers in its registers.
    pub behind: Range,
    /// The numbers of the bus below it that this kernel knows already.
    pub known: Option<Range>,
    /// Whether a device that runs for another kernel is at or below it.
    pub live: bool,
}

/// A bridge beside the one that is judged. A bus can have many, so each is only asked what matters.
pub trait Sibling {
    /// See [`Bridge::behind`].
    fn behind(&self) -> Range;

    /// See [`Bridge::known`].
    fn known(&self) -> Option<Range>;

    /// See [`Bridge::live`].
    fn is_live(&self) -> bool;
}

impl Sibling for Bridge {
    fn behind(&self) -> Range {
        self.behind
    }

    fn known(&self) -> Option<Range> {
        self.known
    }

    fn is_live(&self) -> bool {
        self.live
    }
}

/// Why the numbers of a bridge cannot stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// They are none, or the bridge is not where they say.
    Invalid(Range),
    /// They are not all numbers of the bus that the bridge is on.
    Outside(Range, Range),
    /// They are not those under which this kernel knows the bus below it.
    Changed(Range, Range),
    /// Some of them are behind another bridge.
    Taken(Range, Range),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(range) => write!(f, "{range} is invalid"),
            Self::Outside(range, bus) => write!(f, "{range} is not within {bus}"),
            Self::Changed(range, known) => write!(f, "{range} was {known} before"),
            Self::Taken(range, by) => write!(f, "{range} overlaps {by} of another bridge"),
        }
    }
}

/// A bridge that the next kernel would not scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unscannable {
    /// The bridge.
    pub bridge: Key,
    /// What is wrong with its numbers.
    pub why: Unusable,
}

impl fmt::Display for Unscannable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bridge, why } = self;

        write!(f, "the next kernel would not scan {bridge}: {why}")
    }
}

/// Says whether `bridge` can be scanned with the numbers that it has.
///
/// It is on bus `bus.first`, below which the numbers up to `bus.last` may be used, and says that it
/// is on bus `primary`. `others` are the other bridges on the same bus.
///
/// The first one that is scanned keeps numbers that two bridges claim, but a device that runs for
/// another kernel is not lost to a bridge that has none below it.
pub fn usable(
    bridge: &Bridge,
    primary: u8,
    bus: Range,
    mut others: impl Iterator<Item = impl Sibling>,
) -> Result<(), Unusable> {
    let behind = bridge.behind;

    if primary != bus.first || behind.first <= bus.first || behind.first > behind.last {
        return Err(Unusable::Invalid(behind));
    }
    if behind.last > bus.last {
        return Err(Unusable::Outside(behind, bus));
    }
    if let Some(known) = bridge.known {
        return match known.first == behind.first {
            true => Ok(()),
            false => Err(Unusable::Changed(behind, known)),
        };
    }

    match others.find_map(|other| claimed(&other, bridge).filter(|range| range.meets(behind))) {
        Some(taken) => Err(Unusable::Taken(behind, taken)),
        None => Ok(()),
    }
}

/// Says whether the next kernel can scan `bridge` with the numbers that it has, if it is told that
/// the bridge is live.
///
/// It knows no bus before it has scanned it. The numbers of a bridge that is not live are no
/// obstacle, as that one has to yield, but of two live ones the first that is scanned would keep
/// what both claim.
pub fn usable_next(
    bridge: &Bridge,
    primary: u8,
    bus: Range,
    others: impl Iterator<Item = impl Sibling>,
) -> Result<(), Unusable> {
    // A device below has the name that this kernel knows it by.
    usable(bridge, primary, bus, iter::empty::<Bridge>())?;

    let unknown = Bridge {
        known: None,
        ..*bridge
    };
    let scanned_before = others.filter(Sibling::is_live).map(|other| Bridge {
        behind: other.behind(),
        known: Some(other.behind()),
        live: true,
    });
    usable(&unknown, primary, bus, scanned_before)
}

/// The numbers that `bridge` must leave to `other`.
fn claimed(other: &impl Sibling, bridge: &Bridge) -> Option<Range> {
    match other.known() {
        Some(known) => Some(known),
        None if !bridge.live && other.is_live() => Some(other.behind()),
        None => None,
    }
}
