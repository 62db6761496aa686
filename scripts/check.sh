#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# All checks that do not need a kernel build. A failed check does not prevent the
# others.

# shellcheck source=debian.sh
. "$(dirname "$0")/debian.sh"
cd "$top"

# files PATTERN...: tracked files, and untracked ones that are not ignored.
files() {
	git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
		[[ ! -f $file ]] || echo "$file"
	done
}

each_crate() {
	local manifest
	for manifest in $(files 'tests/*/Cargo.toml'); do
		# In its folder, where cargo finds .cargo/config.toml.
		(cd "${manifest%/*}" && CARGO_TARGET_DIR="$cache/cargo" "$@")
	done
}

# rustfmt follows `mod` into files of the kernel, which are checked as well.
check_rustfmt() {
	files '*.rs' | xargs rustfmt --check --color never --config-path "$top/rustfmt.toml"
}

check_clippy() {
	each_crate cargo clippy --quiet --locked --all-targets -- -D warnings
}

check_host_tests() {
	cd tests/host
	CARGO_TARGET_DIR="$cache/cargo" cargo test --locked --no-fail-fast -- --show-output
}

check_shellcheck() {
	files scripts .ci | xargs grep -lE '^#!/bin/(ba)?sh|^# shellcheck shell' |
		xargs shellcheck -x -P SCRIPTDIR
}

check_python() {
	mypy --strict --cache-dir "$cache/mypy" scripts/*.py
	mypy --strict --cache-dir "$cache/mypy" scripts/pci-lu
	cd tests
	files '*.py' | MYPYPATH=$top/scripts xargs mypy --strict --cache-dir "$cache/mypy"
}

# The tool for operators, on systems and images made for the test; the runner of scenarios,
# on processes; the judges of mutants, of data races and of memory that piles up; and what
# the series becomes on other trees.
check_unittests() {
	local folder
	cd tests
	for folder in pci_lu vm mutants races jumps trees; do
		PYTHONPATH=$top/scripts python3 -m unittest discover -s "$folder" -t .
	done
}

check_spdx() {
	local file missing=0
	for file in $(files | grep -vE '^COPYING$|\.patch$|/Cargo\.lock$|\.json$|^abi/golden/|^media/|/corpus/'); do
		head -n 2 "$file" | grep -q 'SPDX-License-Identifier: GPL-2\.0' && continue
		echo "$file: no SPDX line"
		missing=1
	done
	return "$missing"
}

check_unsafe_budget() {
	files '*.rs' | xargs scripts/unsafe_budget.py
}

# Writers of the Command register in the base kernel.
check_master_writers() {
	[[ -d $pristine ]] || { echo "no kernel source in $cache yet"; return; }
	scripts/master_writers.py "$pristine"
}

# The pages, compared with the code.
check_documented() {
	scripts/documented.py
}

# Whether backports has a newer kernel than the cache. Without network, the lists stay as
# they are: this is worth a note, no failure.
check_backports() {
	local there have
	have=$(newest "$cache"/linux-source-7.3_*.deb)
	[[ -f $have && -f $apt/apt.conf ]] || { echo "no kernel source in $cache yet"; return; }
	update_lists || echo "the lists of packages could not be updated"
	have=$(dpkg-deb -f "$have" Version)
	there=$(newest "$(versions linux-source-7.3)")
	! dpkg --compare-versions "$there" gt "$have" ||
		echo "note: $suite has $there, the base is $have"
	there=$(newest "$(kernels)")
	! dpkg --compare-versions "$there" gt 7.3 ||
		echo "note: $suite has $there: make rebase BASE=$there"
}

# checkpatch.pl of the kernel, on copies: it creates files in its directory, expects
# a git tree, and counts the columns of pictures. There is no Signed-off-by yet,
# MAINTAINERS is updated by a patch of its own, the symbols that C exports are
# defined in Rust, and struct pci_sriov has a num_VFs.
check_checkpatch() {
	local script=$pristine/scripts/checkpatch.pl copies=$cache/checkpatch file
	local ignore=MISSING_SIGN_OFF,FILE_PATH_CHANGES,EXPORT_SYMBOL,CAMELCASE
	local command=(xargs -r perl "$script" --root="$pristine" --strict --quiet --no-summary
		--show-types --ignore "$ignore")
	[[ -f $script ]] || { echo "no kernel source in $cache yet"; return; }
	rm -rf "$copies"
	for file in $(files abi src kernel tests/kunit tests/bench tests/driver Documentation \
		Kbuild Kconfig patches | grep -vE '^abi/golden/|\.(py|json)$'); do
		mkdir -p "$copies/$(dirname "$file")"
		LC_ALL=C.UTF-8 sed 's/[^\t -~]/-/g' "$file" >"$copies/$file"
	done
	cd "$copies"
	find . -type f ! -name '*.patch' | "${command[@]}" --file
	find . -name '*.patch' | "${command[@]}"
}

check_kernel_doc() {
	local tool=$pristine/tools/docs/kernel-doc
	[[ -f $tool ]] || { echo "no kernel source in $cache yet"; return; }
	files '*.[ch]' | xargs python3 "$tool" -none -Wall -Werror
}

# The counts of libtest, plus one failure for each check that has no tests, or
# whose tests could not run.
save_counts() {
	awk -v others="$1" -v tests="$2" '
		/^test result:/ { passed += $4; failed += $6 }
		END {
			if (tests && !failed)
				failed = 1
			printf "{\"passed\": %d, \"failed\": %d}\n", passed, failed + others
		}' "$logs/check-host_tests.log" >"$results/check.json"
}

# How many orders of steps the model check went through.
leave_orders() {
	local states sequences
	read -r states sequences < <(sed -nE \
		's/^([0-9]+) states, for ([0-9]+) sequences .*/\1 \2/p' "$logs/check-host_tests.log")
	tests/tried/tried.py leave orders all "$sequences" sequences "$states" states
}

# A check is a process of its own, which its first error ends.
if [[ ${1:-} == --only ]]; then
	"check_$2"
	exit
fi

# run NAME: write its output to its log, the result and the duration to stdout.
run() {
	local verdict=ok
	SECONDS=0
	"$top/scripts/check.sh" --only "$1" >"$logs/check-$1.log" 2>&1 || verdict='not ok'
	echo "$SECONDS $verdict"
}

# The checks are independent: all start at once, and are reported in order.
lock check
checks=(rustfmt shellcheck python unittests spdx unsafe_budget documented master_writers backports
	checkpatch kernel_doc clippy host_tests)
declare -A told
for name in "${checks[@]}"; do
	exec {pipe}< <(run "$name")
	told[$name]=$pipe
done

failed=()
for name in "${checks[@]}"; do
	log=$logs/check-$name.log
	read -r seconds verdict <&"${told[$name]}"
	echo "$verdict $name # $seconds s"
	sed -n 's/^note: /# /p' "$log"
	[[ $verdict == ok ]] && continue
	failed+=("$name")
	tail -n 20 "$log" | sed 's/^/# /'
done

tests=$([[ $verdict == ok ]]; echo $?)
save_counts $((${#failed[@]} - tests)) "$tests"
[[ ! -d $pristine ]] || ((tests)) || leave_orders
((${#failed[@]} == 0)) || die "check: ${failed[*]}, see $logs/check-${failed[0]}.log"
