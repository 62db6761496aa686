#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Fuzz the decoders for a limited time. Needs a nightly toolchain of rustup and a C++
# compiler, which setup.sh does not install.
#
# usage: fuzz.sh [--update] [SECONDS]
#
# With --update, inputs that were found and cover more than the golden blobs are kept in
# tests/fuzz/corpus, as few and as small as possible.

rustup=$(command -v rustup || true)
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

update=
[[ ${1:-} != --update ]] || { update=1; shift; }
seconds=${1:-60}
nightly=$([[ ! $rustup ]] || "$rustup" which --toolchain nightly cargo 2>/dev/null || true)
[[ $nightly ]] || die 'fuzzing takes a nightly toolchain: rustup toolchain install nightly'
command -v c++ >/dev/null || die 'fuzzing takes a C++ compiler: apt-get install g++'

export PATH=${nightly%/*}:$PATH
export CARGO_TARGET_DIR=$cache/cargo-fuzz
limit=-max_len=16384

cargo_tool cargo-fuzz 0.13.2
lock fuzz
mkdir -p "$cache/fuzz/found"
cd "$top/tests"

# fuzz TARGET SEEDS...: a third of the time for each of the three targets. The golden
# blobs and what was kept are the seed corpus.
fuzz() {
	local target=$1 corpus=$cache/fuzz/$1 kept=$top/tests/fuzz/corpus/$1
	shift
	mkdir -p "$corpus" "$kept"
	step "fuzz-$target" cargo fuzz run --fuzz-dir fuzz "$target" "$corpus" "$kept" "$@" -- \
		-max_total_time=$(((seconds + 2) / 3)) "$limit" \
		-artifact_prefix="$cache/fuzz/found/"
	tell "$target"
	[[ ! $update ]] || step "fuzz-$target-corpus" keep "$target" "$@"
}

# tell TARGET: how much of the code the inputs reach, and how many ran.
tell() {
	local log=$logs/fuzz-$1.log number='\([0-9]*\)' runs took
	sed -n "s/^#[0-9]*\tDONE *cov: $number ft: $number corp: $number.*/$1: \1 edges, \
\2 features, \3 inputs/p" "$log"
	read -r runs took < <(sed -n "s/^Done $number runs in $number .*/\1 \2/p" "$log")
	echo "$1: $runs runs in $took s"
	"$top/tests/tried/tried.py" leave fuzz "$1" "$runs" runs "$took" seconds
}

# keep TARGET SEEDS...: replace what was kept.
keep() {
	local target=$1 kept=$top/tests/fuzz/corpus/$1 corpus=$cache/fuzz/$1
	local short=$corpus.short few=$corpus.few
	shift
	rm -rf "$short" "$few"
	mkdir "$short" "$few"
	find "$corpus" -type f -exec cp -t "$short" {} +
	find "$kept" -type f -exec cp -t "$short" {} +
	# Zeros follow anyway.
	find "$short" -type f -exec perl -0777 -pi -e 's/\0+\z//' {} +
	find "$@" -maxdepth 1 -name '*.bin' -exec cp -b -t "$few" {} \;
	# How often an input reaches the code does not count.
	cargo fuzz run --fuzz-dir fuzz "$target" "$few" "$short" "$corpus" "$kept" -- \
		-merge=1 -use_counters=0 "$limit"
	find "$kept" -type f -delete
	# Those of more than 8 KiB are not worth their place.
	find "$few" -type f ! -name '*.bin*' ! -size +16 -exec cp -t "$kept" {} +
}

fuzz decode "$top/abi/golden"
fuzz list "$top/abi/golden/pci" "$top/abi/golden/both"
fuzz record "$top/abi/golden/identity"
