#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Compile the files of tests/compile-fail against the kernel crate, which has to be
# built before. See tests/compile-fail/README.md.
#
# usage: compile-fail.sh CONFIG

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

config=${1:?usage: compile-fail.sh CONFIG}
dir=$work/compile-fail

# compile NAME FLAG...: compile as an object of a module that is not linked.
compile() {
	local name=$1
	shift
	rm -f "$dir/$name.o"
	kmake "$config" M="$dir" KRUSTFLAGS="--check-cfg='cfg(wrong)' $*" "$name.o"
}

# Print "line code" for each error that rustc reports.
reported() {
	awk '/^error(\[E[0-9]+\])?:/ { code = substr($1, 7, 5) }
		/^ *--> / && code { split($2, at, ":"); print at[2], code; code = "" }' "$1" | sort -n
}

# Print "line code" for each error that a file announces.
announced() {
	sed -nE '/\/\/~ E[0-9]{4}$/{=;s/.*\/\/~ //p}' "$1" | paste -d ' ' - -
}

# judge FILE: print what is wrong with it.
judge() {
	local name log
	name=$(basename "$1" .rs)
	log=$logs/compile-fail-$name.log
	compile "$name" >"$log" 2>&1 || { echo "does not compile as it is"; return; }
	! compile "$name" --cfg=wrong >"$log" 2>&1 || { echo "compiles"; return; }
	# That they differ is no error of the script.
	{ diff <(announced "$1") <(reported "$log") || true; } |
		sed -nE 's/^< (.*) (.*)/line \1: no error \2/p; s/^> (.*) (.*)/line \1: error \2/p'
}

lock "$kernel_lock"
rm -rf "$dir"
mkdir -p "$dir"
cp "$top"/tests/compile-fail/*.rs "$dir"
printf 'obj-m := %s\n' "$(cd "$dir" && echo ./*.rs | sed 's/\.rs\>/.o/g; s/\.\///g')" >"$dir/Kbuild"

passed=0
failed=()
for file in "$top"/tests/compile-fail/*.rs; do
	name=$(basename "$file" .rs)
	complaint=$(judge "$file")
	if [[ -z $complaint ]]; then
		echo "ok $name"
		((++passed))
		continue
	fi
	echo "not ok $name"
	printf '%s\n' "$complaint" | sed 's/^/# /'
	failed+=("$name")
done

printf '{"passed": %d, "failed": %d}\n' "$passed" "${#failed[@]}" >"$results/compile-fail.json"
((${#failed[@]} == 0)) || die "compile-fail: ${failed[*]}, see $logs/compile-fail-${failed[0]}.log"
