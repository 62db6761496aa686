#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build the tree after each patch of the series, with the feature on and off: the
# folders that the series changes, in a separate tree. From the patch that adds the
# core on, boot it. Check that the hooks leave no code with the feature off. Then build
# the minimal configuration completely, with modules and a driver in C. Check that a
# git tree gets the same files, and that reverting the series restores the original.
#
# usage: patches-build.sh [FROM]
#
# With FROM, such as 0310, go on with that patch after a failure.

export PCI_LIVEUPDATE_WORK=patches
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

from=${1:-}
# Building a folder builds the Rust crates of the kernel first.
targets=(drivers/pci/ drivers/vfio/ drivers/iommu/iommufd/ kernel/liveupdate/ samples/rust/)
most_hooks=150

# changed_lines PATCH...: count changed lines in existing files.
changed_lines() {
	grep -hE '^[+-]' "$@" | grep -cvE '^(---|\+\+\+)( |$)'
}

check_size() {
	local lines
	lines=$(changed_lines "${hooks[@]}")
	((lines < most_hooks)) || die "the hooks change $lines lines, $most_hooks are too many"
	echo "ok the hooks change $lines lines, the series $(changed_lines "${series[@]}")"
}

check_git() {
	local path repo=$work/git
	rm -rf "$repo"
	git_tree "$pristine" "$repo"
	"$top/scripts/integrate.py" "$repo"
	jq -r 'keys[]' "$tree/.pci-liveupdate/written.json" |
		while read -r path; do cmp "$tree/$path" "$repo/$path"; done
	[[ $(git -C "$repo" rev-list --count original..HEAD) -eq ${#series[@]} ]]
	[[ -z $(git -C "$repo" status --porcelain) ]]
	rm -rf "$repo"
}

check_reverse() {
	"$top/scripts/integrate.py" --reverse "$tree"
	diff -r --no-dereference "$pristine" "$tree"
}

# Select the test of the kernel after a patch: kexec with nothing preserved, until
# there are tests and drivers for more.
tests_of() {
	case $1 in
	0391-*) echo kunit base ;;
	03*) echo run base nothing ;;
	0401-*) echo run base one-device ;;
	0402-*) echo run base dma ;;
	esac
}

check_patch() {
	local name=$2 config test
	export PCI_LIVEUPDATE_PATCHES=$1
	for config in base off; do
		"$top/scripts/kernel.sh" "$config" "${targets[@]}" ||
			die "$name: does not build with $config.config"
	done
	read -ra test < <(tests_of "$name") || return 0
	"$top/scripts/kernel.sh" base bzImage || die "$name: does not link"
	"$top/scripts/vm.sh" "${test[@]}" || die "$name: does not work"
}

check_size
"$top/scripts/agent.sh"
for n in "${!series[@]}"; do
	[[ ! ${series[n]##*/} < $from ]] || continue
	(check_patch $((n + 1)) "${series[n]##*/}")
	echo "ok ${series[n]##*/}"
done

"$top/scripts/feature-off.sh"
"$top/scripts/driver.sh" minimal
"$top/scripts/kernel.sh" off modules_prepare
lock "$kernel_lock"
step 'driver in C, off' kmake off M="$top/tests/driver" MO="$build/off/tests/driver" c_driver.o
echo 'ok the whole with minimal.config, and a driver in C'
step 'git tree' check_git
echo 'ok a git tree gets the same files, a commit for each patch'
step 'reverse' check_reverse
echo 'ok taking the series out leaves the original tree'
