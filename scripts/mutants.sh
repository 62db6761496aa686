#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Break the core on purpose. usage: mutants.sh [NAME...]

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cargo_tool cargo-mutants 27.1.0
lock mutants
"$top/tests/mutants/mutants.py" "$@"
