# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# Shared by all scripts: paths, the output of long steps, and errors.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$(realpath -m "${CACHE:-$HOME/.cache/pci-liveupdate}")
pristine=$cache/src/linux-source-7.3
bindgen=$cache/bindgen/bin/bindgen

# The kernel tree of the user is not built in place: it is copied, and has its own
# build directories.
if [[ -n ${KDIR:-} ]]; then
	KDIR=$(realpath -m "$KDIR")
	work=$cache/kdir/$(basename "$KDIR")-$(sha256sum <<<"$KDIR" | cut -c1-8)
else
	work=$cache${PCI_LIVEUPDATE_WORK:+/$PCI_LIVEUPDATE_WORK}
fi
export KDIR=${KDIR:-} CACHE=$cache
# Scripts in Python leave nothing beside them.
export PYTHONDONTWRITEBYTECODE=1
tree=$work/tree
build=$work/build
export PCI_LIVEUPDATE_BUILD=$build
# Different trees do not wait for each other.
kernel_lock=kernel${work//\//-}
series=("$top"/patches/7.3/*.patch)
# Those of the PCI core: from 0331 to 0359, VFIO is made to hand devices over.
hooks_glob='03[!345]*'
# shellcheck disable=SC2206 # This is for the shell to expand.
hooks=("$top"/patches/7.3/$hooks_glob.patch)
logs=$cache/log
results=$cache/results

# Kernel and host use the toolchain of Debian, whatever else is in PATH.
export PATH=/usr/lib/llvm-19/bin:/usr/bin:$PATH
export LIBCLANG_PATH=/usr/lib/llvm-19/lib

# Variables on the command line of make must not reach the make of the kernel.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

mkdir -p "$logs" "$cache/lock" "$results"

die() {
	echo "error: $*" >&2
	exit 1
}

# lock NAME: only one script at a time continues, until it exits.
lock() {
	local fd
	exec {fd}>"$cache/lock/$1"
	flock --nonblock "$fd" && return
	echo "$1: another make is at it, waiting"
	flock "$fd"
}

# cargo_tool NAME VERSION: install a tool of cargo into the cache.
cargo_tool() {
	export PATH=$cache/cargo-tools/bin:$PATH
	[[ -x $cache/cargo-tools/bin/$1 ]] ||
		step "$1" cargo install --locked --root "$cache/cargo-tools" --version "$2" "$1"
}

# git_tree FROM TO: create a git tree with those files of a kernel that the series
# changes, as the tag "original". Kconfig tells that it is a kernel tree.
git_tree() {
	mkdir -p "$2"
	sed -n 's|^--- a/||p' "${series[@]}" | cat - <(echo Kconfig) | sort -u |
		(cd "$1" && xargs cp --parents -t "$2")
	# Who has no identity for git can look at the series, too.
	git config user.email >/dev/null ||
		export GIT_{AUTHOR,COMMITTER}_NAME=nobody GIT_{AUTHOR,COMMITTER}_EMAIL=nobody@localhost
	git -C "$2" init -q
	git -C "$2" add -A
	git -C "$2" commit -q -m original
	git -C "$2" tag original
}

# kmake CONFIG ARG...: run the make of the kernel, out of tree. Programs are for guests,
# which have no libc.
kmake() {
	local out=$build/$1 llvm=-19
	[[ $1 != gcc ]] || llvm=
	shift
	mkdir -p "$out"
	make --no-print-directory -C "$tree" O="$out" LLVM=$llvm RUSTC=/usr/bin/rustc \
		HOSTRUSTC=/usr/bin/rustc RUSTFMT=/usr/bin/rustfmt \
		CLIPPY_DRIVER=/usr/bin/clippy-driver BINDGEN="$bindgen" USERLDFLAGS=-static "$@"
}

# requested FRAGMENT...: the last setting of each option in the fragments.
requested() {
	sed -nE 's/^(CONFIG_\w+)=.*/\1 &/p; s/^# (CONFIG_\w+) is not set/\1 &/p' "$@" |
		awk '{ line[$1] = $0 } END { for (o in line) print line[o] }' | cut -d' ' -f2- | sort
}

# refused CONFIG FRAGMENT...: what a configuration has not of the fragments. An option
# that Kconfig does not know counts as unset.
refused() {
	local config=$1 line
	shift
	while read -r line; do
		grep -qxF "$line" "$config" && continue
		[[ $line == '# '* ]] && ! grep -q "^$(cut -d' ' -f2 <<<"$line")=" "$config" && continue
		echo "$line"
	done < <(requested "$@")
}

# seed FROM TO: kernels that differ in one option share most objects. The kernel's tools
# are made anew if their records name another directory, and then everything is.
seed() {
	local from=$build/$1 to=$build/$2
	[[ -d $from && ! -d $to ]] || return 0
	rm -rf "$to.new"
	cp -a "$from" "$to.new"
	grep -rlZF "$from" --include='.*.cmd' "$to.new" |
		xargs -0r sed -i -E "s|$from([ /])|$to\1|g"
	mv "$to.new" "$to"
}

# step LABEL COMMAND...: run COMMAND with its output in a log named after LABEL, and
# show progress. COMMAND may be a function. It must not be part of a condition,
# where errexit has no effect.
step() {
	local label=$1 log status=0
	shift
	log=$logs/${label//[ \/]/-}.log
	# Job control creates a process group, so that an interrupt ends all of it.
	set -m
	("$@") >"$log" 2>&1 </dev/null &
	step_group=$!
	set +m
	trap 'kill -TERM -- -$step_group 2>/dev/null; exit 130' INT TERM HUP
	show_progress "$label" "$log" "$step_group"
	wait "$step_group" || status=$?
	trap - INT TERM HUP
	((status == 0)) || { show_errors "$log"; die "$label failed, see $log"; }
}

# Print the errors of compilers, or the end of the log.
show_errors() {
	grep -m 3 -A 8 -E '(^|[ :])error(\[E[0-9]+\])?:' "$1" || tail -n 20 "$1"
}

# Update a line on a terminal, or print one every 30 seconds. The read from a pipe
# without a writer is a sleep without a process.
show_progress() {
	local label=$1 log=$2 pid=$3 quiet objects next=30
	exec {quiet}<> <(:)
	SECONDS=0
	while kill -0 "$pid" 2>/dev/null; do
		read -r -t 0.5 -u "$quiet" || true
		if [[ -t 1 ]] || ((SECONDS >= next)); then
			next=$((SECONDS + 30))
			objects=$(grep -cE '^ +(CC|AS|LD|AR|RUSTC|HOSTCC|Compiling) ' "$log") || objects=
			show_line "$label" "${objects:+$objects objects}"
		fi
	done
	[[ ! -t 1 ]] || printf '\r\e[K'
	((SECONDS < 3)) || echo "$label: $(elapsed)"
	exec {quiet}<&-
}

show_line() {
	local line
	line="$1: $(elapsed)${2:+, $2}"
	if [[ -t 1 ]]; then
		printf '\r%s\e[K' "$line"
	else
		echo "$line"
	fi
}

elapsed() {
	printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60))
}
