#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build a kernel with its modules, and the driver in C for it. What the driver needs
# of Live Update has to be what the documentation lists. usage: driver.sh CONFIG

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

config=${1:?usage: driver.sh CONFIG}
out=$build/$config/tests/driver
page=$top/Documentation/PCI/liveupdate.rst

# The first column of the table.
listed() {
	sed -n '/^Drivers in modules$/,/^=/p' "$page" | sed -nE 's/^ +[*] - ..(\w+)[(][)]..$/\1/p' | sort
}

needed() {
	nm -u "$out/c_driver.ko" | awk '{ print $2 }' | sort
}

of_live_update() {
	grep -E '^(pci_)?liveupdate_|^kho_'
}

check_list() {
	diff <(needed | of_live_update) <(listed | of_live_update)
	diff <(listed) <(comm -12 <(listed) <(needed))
}

"$top/scripts/kernel.sh" "$config" bzImage modules
lock "$kernel_lock"
step "driver in C, $config" kmake "$config" M="$top/tests/driver" MO="$out" modules
! grep -q '^CONFIG_PCI_LIVEUPDATE=y' "$build/$config/.config" ||
	step "symbols of the driver in C, $config" check_list
