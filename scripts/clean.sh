#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Remove builds and logs, keep downloads.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

lock setup
lock "$kernel_lock"
cd "$cache"
rm -rf tree docs-tree build patches hooks-off twin kdir agent cargo cargo-fuzz cargo-mutants fuzz \
	mutants mutants-host mutants-out series soak mypy checkpatch vm results log tmp
