#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Compile the C files that the series adds or changes by gcc, with the warnings of W=1,
# sparse and kernel-doc, none of which may be about a line of ours.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

config=gcc
out=$build/$config

# Programs, and what is included by another file.
others='^(samples/(vfio|liveupdate)|rust/helpers)/'

# What sparse of bookworm does not know, or cannot compute: it is told, or not listened to.
check='sparse -D__typeof_unqual__=__typeof__'
ignored=(
	# MODULE_INFO() compares a length with __builtin_strlen().
	'error: bad constant expression'
	# Old comparisons, on lines to which patches add another one.
	'(pci-driver|vfio_pci_config)\.c:.*restricted pci_power_t degrades to integer'
)

c_files() {
	jq -r 'keys[]' "$tree/.pci-liveupdate/written.json" | grep '\.c$' | grep -vE "$others"
}

# inputs: what decides what is said.
inputs() {
	head -n 5 "${KDIR:-$pristine}/Makefile"
	find "$top"/{kernel,src,tests} -name '*.[ch]' | sort | xargs cat "${series[@]}"
	cat "$top"/configs/{base,$config}.config "$0" "$top/scripts/our_warnings.py"
}

lint() {
	"$top/scripts/setup.sh" sparse
	"$top/scripts/kernel.sh" $config prepare
	mapfile -t objects < <(c_files | sed 's/c$/o/')
	# What is up to date would say nothing.
	(cd "$out" && rm -f .lints "${objects[@]}")
	"$top/scripts/kernel.sh" $config W=1 C=2 CHECK="$check" "${objects[@]}"
	"$top/scripts/our_warnings.py" \
		"${ignored[@]/#/--ignore=}" "$tree" "$logs/kernel-$config.log" ||
		die "warnings about lines of ours, see $logs/kernel-$config.log"
	printf '%s\n' "$1" "${#objects[@]}" >"$out/.lints"
}

stamp=$(inputs | sha256sum)
[[ $(head -n 1 "$out/.lints" 2>/dev/null) == "$stamp" ]] || lint "$stamp"
echo "ok gcc, W=1 and sparse say nothing about what is ours in $(tail -n 1 "$out/.lints") files"
echo '{"passed": 1, "failed": 0}' >"$results/lints.json"
