#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build the PCI core of a tree that has a core in C, with either provider, and check that
# Kconfig never allows both. There is no such tree yet: the core in C preserves nothing.

export PCI_LIVEUPDATE_WORK=twin
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

stub=$top/tests/twin/core-in-c.patch

# patch(1) writes new files: links into the pristine tree stay as they are.
prepare_tree() {
	rm -rf "$tree.new" "$tree"
	mkdir -p "$work"
	cp -al "$pristine" "$tree.new"
	patch -p1 --fuzz=0 -s -d "$tree.new" -i "$stub"
	mv "$tree.new" "$tree"
	"$top/scripts/integrate.py" "$tree"
}

# check_build CONFIG OBJECT: the interface is in that object, and nowhere else.
check_build() {
	local out=$build/$1 where
	"$top/scripts/kernel.sh" "$1" drivers/pci/
	where=$(cd "$out" && find drivers/pci -name '*.o' ! -name built-in.o -print0 |
		xargs -0 llvm-nm -A --defined-only 2>/dev/null |
		sed -n 's/^\([^:]*\):.* T pci_liveupdate_preserve$/\1/p')
	[[ $where == "$2" ]] || die "$1: pci_liveupdate_preserve() is in ${where:-nothing}, expected $2"
	echo "ok $1: pci_liveupdate_preserve() is in $where"
}

lock twin
step 'tree twin' prepare_tree
check_build twin-c drivers/pci/liveupdate.o
"$top/scripts/twin_menu.py" "$build/twin-c/scripts/kconfig/conf"
check_build twin-rust drivers/pci/liveupdate/src/pci_liveupdate.o
