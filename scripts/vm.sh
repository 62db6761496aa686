#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Boot kernels that were built.
#
# usage: vm.sh list | demo | corrupt [CASE...] | soak JUMPS | kunit CONFIG | run CONFIG [NAME...]

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

command=${1:?usage: vm.sh list | demo | corrupt | soak | kunit | run}
config=${2:-base}
names=("${@:3}")
runner=$top/tests/vm/run.py

# other_kernel CONFIG SCENARIO [TARGET...]: build what a scenario needs besides, if it is
# one of those that run.
other_kernel() {
	((${#names[@]} == 0)) || [[ " ${names[*]}" == *" $2"* ]] || return 0
	seed base "$1"
	"$top/scripts/kernel.sh" "$1" "${@:3}"
}

case $command in
list)
	"$runner" list
	;;
demo)
	"$top/tests/demo/demo.py" || die "demo failed, see $cache/demo"
	;;
corrupt)
	"$top/tests/damage/corrupt.py" "${@:2}" || die "corrupt failed, see $cache/vm/base"
	;;
soak)
	"$top/tests/jumps/soak.py" "${2:?}" || die "soak failed, see $cache/soak"
	;;
kunit)
	"$runner" kunit --config "$config" || die "kunit $config failed, see $cache/vm/$config"
	;;
run)
	# Its image is looked at, not booted.
	other_kernel bench-off preflight
	other_kernel module vfio-module bzImage modules
	"$runner" run --config "$config" "${names[@]}" || die "vm $config failed, see $cache/vm/$config"
	;;
esac
