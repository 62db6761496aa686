#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build a kernel, the driver in C, and the programs of its tree that scenarios run. The
# guests have no libc. usage: programs.sh CONFIG

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

config=${1:?usage: programs.sh CONFIG}

# selftests NAME: build them out of tree, against the headers of the kernel. Make looks
# for includes, and for sources, in their folder.
selftests() {
	local folder=tools/testing/selftests/$1
	local source=$tree/$folder out=$build/$config/$folder
	mkdir -p "$out"
	LDFLAGS=-static make -C "$out" -f "$source/Makefile" -I "$source" VPATH="$source" \
		OUTPUT="$out" ARCH=x86_64 LLVM=-19 \
		KHDR_INCLUDES="-isystem $build/$config/usr/include" -j"$(nproc)"
}

"$top/scripts/driver.sh" "$config"
"$top/scripts/kernel.sh" "$config" samples/vfio/ samples/liveupdate/
lock "$kernel_lock"
step "selftests of liveupdate, $config" selftests liveupdate
step "selftests of vfio, $config" selftests vfio
