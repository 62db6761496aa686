#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build a distribution's kernel with the feature: Debian's own configuration with what
# configs/distro.config changes, as Debian packages. This takes hours, so it uses only
# what others leave of the machine, and goes on where it was stopped.
#
# usage: [DISTRO=FOLDER] [JOBS=N] distro.sh [options]
#
# With "options", only configure, and print what differs from Debian's kernel.

# shellcheck source=debian.sh
. "$(dirname "$0")/debian.sh"

work=$(realpath -m "${DISTRO:-$cache/distro}")
tree=$work/tree
build=$work/build
out=$build/distro
fragment=$top/configs/distro.config
release=-pci-liveupdate

# The tree is a copy of its own: the cache may be elsewhere.
prepare_tree() {
	if [[ ! -d $tree ]]; then
		rm -rf "$tree.new"
		cp -a "$pristine" "$tree.new"
		mv "$tree.new" "$tree"
	fi
	"$top/scripts/integrate.py" "$tree"
}

# The configuration that Debian builds this very source with.
download_config() {
	local version package=linux-config-7.3
	version=$(dpkg-deb -f "$(newest "$cache"/linux-source-7.3_*.deb)" Version)
	download "$package=$version"
	dpkg-deb --fsys-tarfile "$cache/${package}_${version}"_*.deb |
		tar -xO "./usr/src/$package/config.amd64_none_amd64.xz" |
		xz -d >"$work/debian.config.new"
	mv "$work/debian.config.new" "$work/debian.config"
}

# fill NAME FILE...: what Kconfig makes of the settings in FILE.
fill() {
	local name=$1
	shift
	cat "$@" >"$out/.config.$name"
	kmake distro KCONFIG_CONFIG=".config.$name" olddefconfig
}

# First with this compiler, so that what it changes can be told from what we change.
make_config() {
	local lost
	fill debian "$work/debian.config"
	fill new "$work/debian.config" "$fragment"
	mapfile -t lost < <(refused "$out/.config.new" "$fragment")
	((${#lost[@]} == 0)) || { printf '%s\n' 'did not take effect:' "${lost[@]}"; return 1; }
	cmp -s "$out/.config.new" "$out/.config" || cp "$out/.config.new" "$out/.config"
}

print_options() {
	local diff=$tree/scripts/diffconfig
	echo '# by the toolchain: clang, and the versions of this machine'
	"$diff" "$work/debian.config" "$out/.config.debian"
	echo '# by configs/distro.config, and what follows from it'
	"$diff" "$out/.config.debian" "$out/.config.new"
}

build_packages() {
	rm -f "$build"/*.deb
	KDEB_CHANGELOG_DIST=unstable chrt --idle 0 nice -n 19 ionice -c 3 \
		"$0" --make LOCALVERSION="$release" -j"${JOBS:-$(nproc)}" bindeb-pkg
}

# A process of its own, which has the priority of what starts it.
if [[ ${1:-} == --make ]]; then
	kmake distro "${@:2}"
	exit
fi

"$top/scripts/setup.sh" debhelper rsync
lock "kernel${work//\//-}"
mkdir -p "$out"
step 'tree distro' prepare_tree
[[ -f $work/debian.config ]] || step 'configuration of Debian' download_config
step 'configuration distro' make_config
print_options | tee "$work/options"
[[ ${1:-} != options ]] || exit 0
step 'kernel distro' build_packages
ls "$build"/*.deb
