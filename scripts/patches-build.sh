#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build the tree after each patch of the series, with the feature on and off: the
# folders that the series and its new files reach, in a tree of its own.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

export PCI_LIVEUPDATE_WORK=$cache/patches
# Building any folder builds the Rust crates of the kernel first.
targets=(drivers/pci/ kernel/liveupdate/ samples/rust/)

series=('the new files' "$top"/patches/7.3/*.patch)
for n in "${!series[@]}"; do
	patch=${series[n]##*/}
	for config in base off; do
		PCI_LIVEUPDATE_PATCHES=$n "$top/scripts/kernel.sh" "$config" "${targets[@]}" ||
			die "$patch: does not build with $config.config"
	done
	echo "ok $patch"
done
