#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Prepare a Debian bookworm machine: packages, the kernel source, bindgen.
# What exists already is kept. Each piece is built in a temporary place and then
# renamed, so an interrupted run leaves nothing incomplete.
#
# usage: setup.sh [PACKAGE...]
#
# Commands that take longer need further packages.

# shellcheck source=debian.sh
. "$(dirname "$0")/debian.sh"

bindgen_version=0.73.2

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
	"$@"
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
[[ -n $KDIR ]] || get_source linux-source-7.3
get_bindgen
get_guest_tools
rm -rf "$tmp"
