#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build the init of the guests.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

lock agent
cd "$top/tests/agent"
step 'guest agent' cargo build --release --locked --target-dir "$cache/agent"
