#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Run all tests and sum up their results. Each suite writes its counts to a JSON
# file. A failed suite does not prevent the others.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

suites=()
failed=()

# suite NAME COMMAND...: a command that fails, or writes no counts, is at least one
# failure.
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

# If a kernel cannot be built, each suite that needs it fails.
on_kernel() {
	local config=$1 command=$2
	shift 2
	"$top/scripts/programs.sh" "$config" && "$top/scripts/vm.sh" "$command" "$config" "$@"
}

compile_fail() {
	"$top/scripts/kernel.sh" base && "$top/scripts/compile-fail.sh" base
}

# The debug kernel takes ten times as long, so it runs only the listed scenarios, which
# do not run on the other as well.
mapfile -t slow < <(grep -v '^#' "$top/configs/debug.scenarios")

suite check "$top/scripts/check.sh"
suite compile-fail compile_fail
suite lints "$top/scripts/lints.sh"
suite kunit-base on_kernel base kunit
suite vm-base on_kernel base run "${slow[@]/#/--without=}"
suite bench "$top/scripts/bench.sh"
suite kunit-debug on_kernel debug kunit
suite vm-debug on_kernel debug run "${slow[@]}"

echo
((${#failed[@]} == 0)) || echo "failed: ${failed[*]}; logs are in $logs and $cache/vm"
jq -rs '"\(map(.passed) | add) passed, \(map(.failed) | add) failed"' "${suites[@]}"
((${#failed[@]} == 0))
