#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Fuzz the decoders for a limited time. Needs a nightly toolchain of rustup and a C++
# compiler, which setup.sh does not install.
#
# usage: fuzz.sh [SECONDS]

rustup=$(command -v rustup || true)
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

seconds=${1:-60}
nightly=$([[ ! $rustup ]] || "$rustup" which --toolchain nightly cargo 2>/dev/null || true)
[[ $nightly ]] || die 'fuzzing takes a nightly toolchain: rustup toolchain install nightly'
command -v c++ >/dev/null || die 'fuzzing takes a C++ compiler: apt-get install g++'

export PATH=${nightly%/*}:$cache/cargo-tools/bin:$PATH
export CARGO_TARGET_DIR=$cache/cargo-fuzz

if [[ ! -x $cache/cargo-tools/bin/cargo-fuzz ]]; then
	step cargo-fuzz cargo install --locked --root "$cache/cargo-tools" cargo-fuzz
fi

mkdir -p "$cache/fuzz/found"
cd "$top/tests"

# fuzz TARGET SEEDS...: a third of the time for each of the three targets. The golden
# blobs are the seed corpus.
fuzz() {
	local target=$1 corpus=$cache/fuzz/$1
	shift
	mkdir -p "$corpus"
	step "fuzz-$target" cargo fuzz run --fuzz-dir fuzz "$target" "$corpus" "$@" -- \
		-max_total_time=$(((seconds + 2) / 3)) -max_len=16384 \
		-artifact_prefix="$cache/fuzz/found/"
	grep -E '^Done [0-9]+ runs' "$logs/fuzz-$target.log"
}

fuzz decode "$top/abi/golden"
fuzz list "$top/abi/golden/pci" "$top/abi/golden/both"
fuzz record "$top/abi/golden/identity"
