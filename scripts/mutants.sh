#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Break the core on purpose. usage: mutants.sh [NAME...]

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# Only the part of the host tests takes it.
for name in "${@:-host}"; do
	[[ $name != host && $name != abi/* && $name != src/logic/* ]] || cargo_tool cargo-mutants 27.1.0
done
lock mutants
"$top/tests/mutants/mutants.py" "$@"
