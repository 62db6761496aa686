#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build a distribution's kernel with the feature: Debian's own configuration with what
# configs/distro.config changes, as Debian packages. This takes hours, so it uses only
# what others leave of the machine, and goes on where it was stopped.
#
# usage: [DISTRO=FOLDER] [FLAVOUR=NAME] [JOBS=N] distro.sh [options | SCENARIO...]
#
# With "options", only configure, and print what differs from Debian's kernel. Else, the
# package is installed in a copy of this machine, where it gets its initramfs, and the
# scenarios are run with that. The flavour is one of Debian's: cloud-amd64, or amd64, which
# has four times as many modules.

# shellcheck source=debian.sh
. "$(dirname "$0")/debian.sh"

work=$(realpath -m "${DISTRO:-$cache/distro}")
tree=$work/tree
build=$work/build
out=$build/distro
fragment=$top/configs/distro.config
release=-pci-liveupdate
# What is run with it: devices in the hands of user space, and the selftests of LUO.
scenarios=(vfio-example vfio-net vfio-nvme.preserved selftests-liveupdate)
flavour=${FLAVOUR:-cloud-amd64}
config=$work/debian.config.$flavour

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
		tar -xO "./usr/src/$package/config.amd64_none_$flavour.xz" |
		xz -d >"$config.new"
	mv "$config.new" "$config"
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
	fill debian "$config"
	fill new "$config" "$fragment"
	mapfile -t lost < <(refused "$out/.config.new" "$fragment")
	((${#lost[@]} == 0)) || { printf '%s\n' 'did not take effect:' "${lost[@]}"; return 1; }
	cmp -s "$out/.config.new" "$out/.config" || cp "$out/.config.new" "$out/.config"
}

print_options() {
	local diff=$tree/scripts/diffconfig
	echo '# by the toolchain: clang, and the versions of this machine'
	"$diff" "$config" "$out/.config.debian"
	echo '# by configs/distro.config, and what follows from it'
	"$diff" "$out/.config.debian" "$out/.config.new"
}

# image: the package of the kernel, if it is not older than anything that it is built from.
image() {
	local found
	found=$(compgen -G "$build/linux-image-*$release*.deb") || return 1
	[[ $found -nt $out/.config && -z $(find "$tree" -path "$tree/Documentation" -prune -o \
		-type f -newer "$found" -print -quit) ]] && echo "$found"
}

build_packages() {
	rm -f "$build"/*.deb
	KDEB_CHANGELOG_DIST=unstable chrt --idle 0 nice -n 19 ionice -c 3 \
		"$0" --make LOCALVERSION="$release" -j"${JOBS:-$(nproc)}" bindeb-pkg
}

# install PACKAGE: as an operator does, with the modules in the initramfs that take over
# devices. This machine gets nothing: what is written is in memory, in a name space.
install() {
	local copy=$work/copy name
	mkdir -p "$copy" "$work/boot"
	mount -t tmpfs tmpfs "$copy"
	mkdir "$copy"/{upper,work,root}
	mount -t overlay overlay -o "lowerdir=/,upperdir=$copy/upper,workdir=$copy/work" "$copy/root"
	for name in dev proc sys; do
		mount --rbind "/$name" "$copy/root/$name"
	done
	export DEBIAN_FRONTEND=noninteractive
	chroot "$copy/root" apt-get install -y --no-install-recommends initramfs-tools
	printf '%s\n' iommufd vfio-pci >>"$copy/root/etc/initramfs-tools/modules"
	cp "$1" "$copy/root/tmp/image.deb"
	chroot "$copy/root" apt-get install -y --no-install-recommends /tmp/image.deb
	for name in vmlinuz initrd.img; do
		cp "$copy/root/boot/$name"-*"$release"* "$work/boot/$name"
	done
	touch -r "$1" "$work/boot/initrd.img"
}

as_root() {
	local before=()
	((EUID == 0)) || before=(sudo -n)
	"${before[@]}" env HOME="$HOME" CACHE="$cache" DISTRO="$work" "$@"
}

# A process of its own, which has the priority of what starts it.
if [[ ${1:-} == --make ]]; then
	kmake distro "${@:2}"
	exit
fi
if [[ ${1:-} == --install ]]; then
	install "$2"
	exit
fi

"$top/scripts/setup.sh" debhelper rsync
lock "kernel${work//\//-}"
mkdir -p "$out"
step 'tree distro' prepare_tree
[[ -f $config ]] || step 'configuration of Debian' download_config
step 'configuration distro' make_config
print_options | tee "$work/options"
[[ ${1:-} != options ]] || exit 0
package=$(image) || step 'kernel distro' build_packages
package=$(image)
[[ ! $package -nt $work/boot/initrd.img ]] ||
	step "$(basename "$package")" as_root unshare --mount "$0" --install "$package"
ls "$build"/*.deb
(($#)) || set -- "${scenarios[@]}"
"$top/scripts/vm.sh" run distro "$@"
