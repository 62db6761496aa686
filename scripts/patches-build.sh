#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build the tree after each patch of the series, with the feature on and off: the
# folders that the series and its new files reach, in a tree of its own. Then all
# of it with as little around it as it can do with, modules and a driver in C.

export PCI_LIVEUPDATE_WORK=patches
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# Building any folder builds the Rust crates of the kernel first.
targets=(drivers/pci/ kernel/liveupdate/ samples/rust/)
driver=$top/tests/driver

# Up to the patch that offers the feature, it is off in drivers/pci whatever is asked for.
can_differ() {
	grep -q 'liveupdate/Kconfig' "$tree/drivers/pci/Kconfig" ||
		[[ ! -f $1 ]] || grep '^+++ b/' "$1" | grep -qv '^+++ b/drivers/pci/'
}

series=('the new files' "$top"/patches/7.3/*.patch)
for n in "${!series[@]}"; do
	name=${series[n]##*/}
	for config in base off; do
		[[ $config == base ]] || can_differ "${series[n]}" || continue
		PCI_LIVEUPDATE_PATCHES=$n "$top/scripts/kernel.sh" "$config" "${targets[@]}" ||
			die "$name: does not build with $config.config"
	done
	echo "ok $name"
done

"$top/scripts/kernel.sh" minimal bzImage modules
"$top/scripts/kernel.sh" off modules_prepare
lock "$kernel_lock"
step 'driver minimal' kmake minimal M="$driver" MO="$build/driver-minimal" modules
step 'driver off' kmake off M="$driver" MO="$build/driver-off" c_driver.o
echo 'ok the whole with minimal.config, and a driver in C'
