#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Write the whole work as patches with a cover letter, in the form in which they are
# sent, and as one diff. Check that either of them makes the same tree of a fresh one.
#
# usage: [KDIR=TREE] series.sh [FOLDER]

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

out=$(realpath -m "${1:-$work/series}")
cover=$top/patches/7.3/cover-letter
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

write_series() {
	local repo=$scratch/series
	git_tree "${KDIR:-$pristine}" "$repo"
	"$top/scripts/integrate.py" "$repo"
	# format-patch puts the first paragraph of the description into the subject.
	git -C "$repo" config branch.pci-liveupdate.description "$(sed 1d "$cover")"
	rm -rf "$out"
	git -C "$repo" format-patch -q --no-signature --cover-letter \
		--cover-from-description=subject -o "$out" original..pci-liveupdate
	git -C "$repo" diff original pci-liveupdate >"$out/pci-liveupdate.diff"
}

# check NAME COMMAND...: compare what COMMAND makes of a fresh tree.
check() {
	local repo=$scratch/$1
	git_tree "${KDIR:-$pristine}" "$repo"
	(cd "$repo" && "${@:2}")
	git -C "$repo" add -A
	[[ $(git -C "$repo" write-tree) == $(git -C "$scratch/series" rev-parse 'HEAD^{tree}') ]]
}

step series write_series
mapfile -t patches < <(find "$out" -name '*.patch' ! -name '0000-*' | sort)
step 'series, patches' check patches git am -q "${patches[@]}"
step 'series, diff' check diff git apply "$out/pci-liveupdate.diff"
echo "ok ${#patches[@]} patches with a cover letter, and one diff: $out"
