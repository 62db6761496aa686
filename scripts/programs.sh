#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build a kernel, and the programs of its tree that scenarios run. The guests have
# no libc. usage: programs.sh CONFIG
set -euo pipefail

kernel=$(dirname "$0")/kernel.sh
config=${1:?usage: programs.sh CONFIG}

"$kernel" "$config"
"$kernel" "$config" USERLDFLAGS=-static samples/vfio/
