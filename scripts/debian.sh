# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Packages of Debian's backports, through an apt of our own: its own sources, lists and
# downloads, and the calling user. To be sourced instead of lib.sh.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

suite=trixie-backports
apt=$cache/apt

# The archives in the apt sources of the machine: mirrors of Debian, and possibly
# others.
mirrors() {
	# shellcheck disable=SC2016 # These are for apt to expand.
	apt-get indextargets --no-release-info --format '$(COMPONENT) $(REPO_URI)' \
		'Identifier: Packages' | sed -n 's/^main //p' | awk '!seen[$0]++'
}

# configure_apt MIRROR
configure_apt() {
	mkdir -p "$apt/lists/partial" "$apt/archives/partial"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
		"$1 $suite main" >"$apt/sources.list"
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

# private_apt COMMAND...: run a command of apt with that configuration.
private_apt() {
	APT_CONFIG=$apt/apt.conf "$@"
}

# find_mirror: use the first mirror that has the suite, signed by Debian.
find_mirror() {
	local mirror all
	mapfile -t all < <(mirrors)
	for mirror in "${all[@]}"; do
		configure_apt "$mirror"
		if private_apt apt-get update --error-on=any; then
			touch "$apt/updated"
			return
		fi
	done
	die "no mirror in the sources of apt has $suite: ${all[*]:-there is none}"
}

# newest VERSION...: the highest one. They may be names of files, and several lines.
newest() {
	printf '%s\n' "$@" | sort -V | tail -n 1
}

# update_lists: once a day, and only if that is fast.
update_lists() {
	[[ -z $(find "$apt/updated" -mtime -1 2>/dev/null) ]] || return 0
	touch "$apt/updated"
	private_apt timeout 20 apt-get update --error-on=any \
		-o Acquire::Retries=0 -o Acquire::http::Timeout=5
}

# versions PACKAGE: those that the lists have.
versions() {
	private_apt apt-cache madison "$1" | cut -d '|' -f 2 | tr -d ' '
}

# kernels: those that the lists have the source of, such as 7.3.
kernels() {
	private_apt apt-cache pkgnames linux-source- | sed -n 's/^linux-source-\([0-9.]*\)$/\1/p'
}

# download PACKAGE: into the cache. apt checks the signature and the hash before it
# reports success.
download() {
	local new=$cache/download
	find_mirror
	rm -rf "$new"
	mkdir "$new"
	cd "$new" || return
	private_apt apt-get download "$1"
	mv -- "$new"/*.deb "$cache/"
	rmdir "$new"
}

unpack_source() {
	local new=$cache/src/new
	rm -rf "$new"
	mkdir -p "$new"
	dpkg-deb --fsys-tarfile "$(newest "$cache/$1"_*.deb)" |
		tar -xO "./usr/src/$1.tar.xz" |
		tar -xJ -C "$new"
	mv "$new/$1" "$cache/src/"
	rmdir "$new"
}

# get_source PACKAGE: a kernel source, such as linux-source-7.3, in $cache/src. Only one
# script at a time may do this.
get_source() {
	[[ ! -d $cache/src/$1 ]] || return 0
	compgen -G "$cache/$1"_*.deb >/dev/null || step "$1 download" download "$1"
	step "$1 unpack" unpack_source "$1"
}
