#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Prepare a Debian bookworm machine: packages, the kernel source, bindgen.
# What exists already is kept. Each piece is built in a temporary place and then
# renamed, so an interrupted run leaves nothing incomplete.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

bindgen_version=0.73.2
source_package=linux-source-7.3

packages=(
	# to build the kernel
	clang-19 lld-19 llvm-19 libclang-19-dev rustc-web rust-web-src
	make gcc flex bison bc perl cpio kmod patch xz-utils
	libc6-dev libelf-dev libdw-dev libssl-dev zlib1g-dev uuid-dev
	# to get its source
	ca-certificates debian-archive-keyring git
	# to build and check what runs on the host and in the guest
	cargo-web rust-web-clippy rustfmt-web shellcheck python3 mypy jq
	# to run it, and to draw the picture of the demo
	qemu-system-x86 python3-matplotlib
	# to build the documentation
	python3-sphinx python3-yaml graphviz
)

# What a guest has in addition to the agent, when a page of the documentation is tried
# out in it: a shell, and kexec with its libraries. This is not installed, because the
# package of kexec changes how the machine reboots.
guest_packages=(
	busybox-static kexec-tools
	libxenmisc4.17 libxentoollog1 libxencall1 libxenforeignmemory1 libxendevicemodel1
	libxentoolcore1 libxenevtchn1 libxengnttab1
)

missing_packages() {
	local installed
	installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null |
		sed -n 's/^installed //p' | sort) || true
	comm -23 <(printf '%s\n' "${packages[@]}" | sort) <(echo "$installed")
}

install_packages() {
	local missing as_root=()
	mapfile -t missing < <(missing_packages)
	((${#missing[@]})) || return 0
	local command=(apt-get install -y --no-install-recommends "${missing[@]}")
	if ((EUID)); then
		sudo -n true 2>/dev/null ||
			die "packages are missing and sudo wants a password; run as root: ${command[*]}"
		as_root=(sudo -n)
	fi
	echo "packages: ${missing[*]}"
	step 'package lists' "${as_root[@]}" apt-get update
	step packages "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${command[@]}"
}

# The archives in the apt sources of the machine: mirrors of Debian, and possibly
# others.
mirrors() {
	# shellcheck disable=SC2016 # These are for apt to expand.
	apt-get indextargets --no-release-info --format '$(COMPONENT) $(REPO_URI)' \
		'Identifier: Packages' | sed -n 's/^main //p' | awk '!seen[$0]++'
}

# private_apt_conf MIRROR: configure an apt that is separate from that of the machine:
# its own sources, lists and downloads. It runs as the calling user.
private_apt_conf() {
	local apt=$cache/apt
	mkdir -p "$apt/lists/partial" "$apt/archives/partial"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
		"$1 trixie-backports main" >"$apt/sources.list"
	# Of the configuration of the machine, only proxies, no hooks.
	apt-config dump | sed -n '/^Acquire::https\?::/p' >"$apt/apt.conf"
	cat >>"$apt/apt.conf" <<-CONF
		Dir::Etc::main "/dev/null";
		Dir::Etc::parts "/dev/null";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::State::lists "$apt/lists";
		Dir::Cache "$apt";
		Dir::Cache::archives "$apt/archives";
		APT::Sandbox::User "";
		Acquire::Retries "3";
	CONF
}

# find_source: use the first mirror that has the suite, signed by Debian.
find_source() {
	local mirror all
	mapfile -t all < <(mirrors)
	for mirror in "${all[@]}"; do
		private_apt_conf "$mirror"
		if APT_CONFIG=$cache/apt/apt.conf apt-get update --error-on=any; then
			return
		fi
	done
	die "no mirror in the sources of apt has trixie-backports: ${all[*]:-there is none}"
}

download_source() {
	find_source
	cd "$tmp"
	# apt checks the signature and the hash before it reports success.
	APT_CONFIG=$cache/apt/apt.conf apt-get download "$source_package"
	mv -- "$source_package"_*.deb "$cache/"
}

unpack_source() {
	local deb
	deb=$(printf '%s\n' "$cache/$source_package"_*.deb | sort -V | tail -n 1)
	mkdir "$tmp/src"
	dpkg-deb --fsys-tarfile "$deb" |
		tar -xO "./usr/src/$source_package.tar.xz" |
		tar -xJ -C "$tmp/src"
	mkdir -p "$cache/src"
	mv "$tmp/src/$source_package" "$pristine"
}

get_source() {
	[[ ! -d $pristine ]] || return 0
	compgen -G "$cache/$source_package"_*.deb >/dev/null || step 'kernel source download' download_source
	step 'kernel source unpack' unpack_source
}

install_bindgen() {
	CARGO_TARGET_DIR=$tmp/target cargo install --locked --root "$tmp/bindgen" \
		--version "$bindgen_version" bindgen-cli
	rm -rf "$cache/bindgen"
	mv "$tmp/bindgen" "$cache/bindgen"
}

get_bindgen() {
	[[ $("$bindgen" --version 2>/dev/null) == "bindgen $bindgen_version" ]] ||
		step bindgen install_bindgen
}

download_guest_tools() {
	local deb
	mkdir "$tmp/debs" "$tmp/guest-tools"
	cd "$tmp/debs"
	apt-get download "${guest_packages[@]}"
	for deb in *.deb; do
		dpkg-deb -x "$deb" "$tmp/guest-tools"
	done
	mv "$tmp/guest-tools" "$cache/"
}

get_guest_tools() {
	[[ -d $cache/guest-tools ]] || step 'programs for guests' download_guest_tools
}

lock setup
tmp=$cache/tmp
rm -rf "$tmp"
mkdir "$tmp"
install_packages
[[ -n $KDIR ]] || get_source
get_bindgen
get_guest_tools
rm -rf "$tmp"
