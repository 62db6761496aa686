#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Boot kernels that were built. usage: vm.sh list | demo | kunit CONFIG | run CONFIG [NAME...]

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

command=${1:?usage: vm.sh list | demo | kunit CONFIG | run CONFIG [NAME...]}
config=${2:-base}
runner=$top/tests/vm/run.py

case $command in
list)
	"$runner" list
	;;
demo)
	"$top/tests/demo/demo.py" || die "demo failed, see $cache/demo"
	;;
kunit)
	"$runner" kunit --config "$config" || die "kunit $config failed, see $cache/vm/$config"
	;;
run)
	# Its image is looked at, not booted.
	if [[ $# -le 2 || " ${*:3}" == *' preflight'* ]]; then
		seed base bench-off
		"$top/scripts/kernel.sh" bench-off
	fi
	"$runner" run --config "$config" "${@:3}" || die "vm $config failed, see $cache/vm/$config"
	;;
esac
