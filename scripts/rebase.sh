#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Try the series on other kernel trees. A tree is a folder, or a version of Debian's
# backports such as 7.2.
#
# usage: rebase.sh [--update] TREE...
#
# With --update, write the results of Debian's trees to their page.

# shellcheck source=debian.sh
. "$(dirname "$0")/debian.sh"

page=$top/Documentation/PCI/liveupdate-trees.rst
update=
[[ ${1:-} != --update ]] || { update=1; shift; }
(($#)) || die 'say which tree: make rebase BASE=7.2, or BASE=path'

lock setup

# result NAME FOLDER OPTION...
result() {
	printf '\n== %s\n' "$1"
	"$top/scripts/rebase.py" "${@:3}" "$pristine" "$1" "$2"
}

for base; do
	if [[ -d $base ]]; then
		version=$(make -s -C "$base" kernelversion)
		result "$version, $base" "$base"
		continue
	fi
	get_source "linux-source-$base"
	deb=$(newest "$cache/linux-source-$base"_*.deb)
	result "Debian's $(dpkg-deb -f "$deb" Version)" "$cache/src/linux-source-$base" \
		${update:+--page "$page"}
done
