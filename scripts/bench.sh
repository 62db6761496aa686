#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Count what the core costs. usage: bench.sh [--update] [--column NAME] [--bought TEXT]

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

"$top/scripts/agent.sh"
seed base bench-on
"$top/scripts/kernel.sh" bench-on
for config in bench-off bench; do
	seed bench-on "$config"
	"$top/scripts/kernel.sh" "$config"
done
"$top/tests/bench/bench.py" "$@" || die "bench failed, see $cache/vm/bench"
