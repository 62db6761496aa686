#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Count what the core costs. usage: bench.sh [--update] [--column NAME] [--bought TEXT]

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# seed FROM TO: kernels that differ in one option share most objects. The kernel's tools
# are made anew if their records name another directory, and then everything is.
seed() {
	local from=$build/$1 to=$build/$2
	[[ ! -d $to ]] || return 0
	rm -rf "$to.new"
	cp -a "$from" "$to.new"
	grep -rlZF "$from" --include='.*.cmd' "$to.new" |
		xargs -0r sed -i -E "s|$from([ /])|$to\1|g"
	mv "$to.new" "$to"
}

"$top/scripts/agent.sh"
seed base bench-on
"$top/scripts/kernel.sh" bench-on
for config in bench-off bench; do
	seed bench-on "$config"
	"$top/scripts/kernel.sh" "$config"
done
"$top/tests/bench/bench.py" "$@" || die "bench failed, see $cache/vm/bench"
