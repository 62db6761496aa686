#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Boot kernels that were built.
#
# usage: vm.sh list | demo | corrupt [CASE...] | failnth | soak JUMPS | races MINUTES [SEED]
#        vm.sh kunit CONFIG | run CONFIG [--without=NAME... | NAME...]

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

command=${1:?usage: vm.sh list | demo | corrupt | failnth | soak | races | kunit | run}
config=${2:-base}
names=("${@:3}")
runner=$top/tests/vm/run.py

# runs SCENARIO: whether it is one of those that are to run.
runs() {
	[[ ${names[0]---} == --* || " ${names[*]}" == *" $1"* ]]
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
failnth)
	"$runner" kunit --config debug --leaks --filter pci_liveupdate_failnth ||
		die "failnth failed, see $cache/vm/debug"
	"$runner" run --config debug failnth failnth-vfio || die "failnth failed, see $cache/vm/debug"
	;;
soak)
	"$top/tests/jumps/soak.py" "${2:?}" || die "soak failed, see $cache/soak"
	;;
races)
	"$top/tests/races/races.py" "${@:2}" || die "races failed, see $cache/vm/race/races"
	;;
kunit)
	"$runner" kunit --config "$config" || die "kunit $config failed, see $cache/vm/$config"
	;;
run)
	# Without the feature: its image is looked at, and a module is loaded into it.
	if runs preflight || runs c-driver; then
		seed base bench-off
		"$top/scripts/driver.sh" bench-off
	fi
	if runs vfio-module; then
		seed base module
		"$top/scripts/kernel.sh" module bzImage modules
	fi
	"$runner" run --config "$config" "${names[@]}" || die "vm $config failed, see $cache/vm/$config"
	;;
esac
