#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Run all tests and sum up their results. Each suite writes its counts to a JSON
# file. A failed suite does not prevent the others.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

suites=()
failed=()

# beside NAME COMMAND...: begin a suite that leaves room for others, as it has a single
# machine. Job control creates a process group, so that an interrupt ends all of it.
beside() {
	rm -f "$results/$1.json"
	set -m
	("${@:2}") >"$logs/suite-$1.log" 2>&1 </dev/null &
	beside=$!
	set +m
	trap 'kill -TERM -- "-$beside" 2>/dev/null || true' EXIT
}

# Wait for it, and tell what it told.
finish() {
	local status=0
	wait "$beside" || status=$?
	trap - EXIT
	cat "$logs/suite-$1.log"
	return $status
}

# suite NAME [COMMAND...]: a command that fails, or writes no counts, is at least one
# failure. Without a command, it has begun beside others.
suite() {
	local name=$1 counts=$results/$1.json status=0
	shift
	printf '\n== %s\n' "$name"
	suites+=("$counts")
	if (($#)); then
		rm -f "$counts"
		"$@" || status=$?
	else
		finish "$name" || status=$?
	fi
	[[ -f $counts ]] || { echo '{"passed": 0, "failed": 0}' >"$counts"; status=1; }
	((status)) || return 0
	failed+=("$name")
	jq '.failed = ([.failed, 1] | max)' "$counts" >"$counts.new"
	mv "$counts.new" "$counts"
}

# If a kernel cannot be built, each suite that needs it fails.
declare -A built
build() {
	built[$1]=0
	"$top/scripts/programs.sh" "$1" || built[$1]=$?
}

on_kernel() {
	((built[$1] == 0)) && "$top/scripts/vm.sh" "$2" "$1" "${@:3}"
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
build base
suite kunit-base on_kernel base kunit
build debug
beside kunit-debug on_kernel debug kunit
suite vm-base on_kernel base run "${slow[@]/#/--without=}"
suite bench "$top/scripts/bench.sh"
suite kunit-debug
suite vm-debug on_kernel debug run "${slow[@]}"

echo
((${#failed[@]} == 0)) || echo "failed: ${failed[*]}; logs are in $logs and $cache/vm"
jq -rs '"\(map(.passed) | add) passed, \(map(.failed) | add) failed"' "${suites[@]}"
((${#failed[@]} == 0))
