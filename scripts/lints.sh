#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Compile the C files that the series adds or changes by gcc, with the warnings of W=1,
# sparse and kernel-doc, none of which may be about a line of ours.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

config=gcc
out=$build/$config

# A program, and what is included by another file.
others='^(samples/vfio|rust/helpers)/'

# What sparse of bookworm does not know, or cannot compute: it is told, or not listened to.
check='sparse -D__typeof_unqual__=__typeof__'
ignored=(
	# MODULE_INFO() compares a length with __builtin_strlen().
	'error: bad constant expression'
	# An old comparison, on a line to which a patch adds another one.
	'pci-driver\.c:.*restricted pci_power_t degrades to integer'
)

c_files() {
	jq -r 'keys[]' "$tree/.pci-liveupdate/written.json" | grep '\.c$' | grep -vE "$others"
}

"$top/scripts/setup.sh" sparse
"$top/scripts/kernel.sh" $config prepare
mapfile -t objects < <(c_files | sed 's/c$/o/')
# What is up to date would say nothing.
(cd "$out" && rm -f "${objects[@]}")
"$top/scripts/kernel.sh" $config W=1 C=2 CHECK="$check" "${objects[@]}"
"$top/scripts/our_warnings.py" \
	"${ignored[@]/#/--ignore=}" "$tree" "$logs/kernel-$config.log" ||
	die "warnings about lines of ours, see $logs/kernel-$config.log"
echo "ok gcc, W=1 and sparse say nothing about what is ours in ${#objects[@]} files"
