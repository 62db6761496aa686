#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build the kernel with the core, out of tree.
#
# usage: [PCI_LIVEUPDATE_PATCHES=N] [PCI_LIVEUPDATE_WITHOUT=GLOB] kernel.sh CONFIG
#                                                                  [MAKE-TARGET...]

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

config=${1:?usage: kernel.sh CONFIG [MAKE-TARGET...]}
shift
out=$build/$config
# The debug kernel is built with all lints.
lints=()
[[ $config != debug ]] || lints=(CLIPPY=1)
# The number of patches to apply; all if empty.
patches=${PCI_LIVEUPDATE_PATCHES:-}
# Patches to leave out.
without=${PCI_LIVEUPDATE_WITHOUT:-}

fragments() {
	case $config in
	base) echo "$top/configs/base.config" ;;
	race) echo "$top"/configs/{base,debug,race}.config ;;
	*) echo "$top/configs/base.config" "$top/configs/$config.config" ;;
	esac
}

# The integrated tree: hard links to the pristine source, except for changed files.
prepare_tree() {
	if [[ -n $KDIR ]]; then
		step 'copy of KDIR' "$top/scripts/integrate.py" --from "$KDIR" "$tree"
		return
	fi
	if [[ ! -d $tree ]]; then
		mkdir -p "$work"
		rm -rf "$tree.new"
		cp -al "$pristine" "$tree.new"
		mv "$tree.new" "$tree"
	fi
	step integrate "$top/scripts/integrate.py" ${patches:+--patches "$patches"} \
		${without:+--without "$without"} "$tree"
}

# The inputs of the configuration, which is created again if they change.
config_inputs() {
	cat "${merge[@]}" "$0"
	grep -A 1 Kconfig "$tree/.pci-liveupdate/written.json" 2>/dev/null || true
	make -s -C "$tree" kernelversion
}

make_config() {
	local new=$out/.config.new
	# Relative to $out, the directory of the kernel's make.
	kmake "$config" KCONFIG_CONFIG=.config.new tinyconfig
	cat "${merge[@]}" >>"$new"
	kmake "$config" KCONFIG_CONFIG=.config.new olddefconfig
	mapfile -t lost < <(refused "$new" "${merge[@]}")
	# In the middle of the series, an option may not exist yet.
	if ((${#lost[@]})) && [[ -z $patches ]]; then
		printf '%s\n' "did not take effect:" "${lost[@]}"
		return 1
	fi
	# Keep the time stamp of an unchanged file, so that objects stay valid.
	cmp -s "$new" "$out/.config" || cp "$new" "$out/.config"
	rm -f "$new" "$new.old"
}

configure() {
	local stamp
	stamp=$(config_inputs | sha256sum)
	[[ -f $out/.config && $(cat "$out/.inputs" 2>/dev/null) == "$stamp" ]] && return
	mkdir -p "$out"
	step "configuration $config" make_config
	echo "$stamp" >"$out/.inputs"
}

[[ -f $top/configs/$config.config ]] || die "there is no configs/$config.config"
read -ra merge < <(fragments)
lock "$kernel_lock"
prepare_tree
configure
step "kernel $config" kmake "$config" "${lints[@]}" -j"$(nproc)" "${@:-bzImage}"
