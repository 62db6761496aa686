#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# All that gives a verdict, and the sum of it. Each suite leaves its counts in a
# JSON file; a later one may still have something to tell after one failed.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

suites=()
failed=()

# suite NAME COMMAND...: a command that fails, or leaves no counts, is at least
# one failure.
suite() {
	local name=$1 counts=$results/$1.json status=0
	shift
	printf '\n== %s\n' "$name"
	suites+=("$counts")
	rm -f "$counts"
	"$@" || status=$?
	[[ -f $counts ]] || { echo '{"passed": 0, "failed": 0}' >"$counts"; status=1; }
	((status)) || return 0
	failed+=("$name")
	jq '.failed = ([.failed, 1] | max)' "$counts" >"$counts.new"
	mv "$counts.new" "$counts"
}

# A kernel that is not there fails each suite that needs it.
on_kernel() {
	"$top/scripts/kernel.sh" "$1" && "$top/scripts/vm.sh" "$2" "$1"
}

suite check "$top/scripts/check.sh"
for config in base debug; do
	suite "kunit-$config" on_kernel "$config" kunit
	suite "vm-$config" on_kernel "$config" run
done

echo
((${#failed[@]} == 0)) || echo "failed: ${failed[*]}; logs are in $logs and $cache/vm"
jq -rs '"\(map(.passed) | add) passed, \(map(.failed) | add) failed"' "${suites[@]}"
((${#failed[@]} == 0))
