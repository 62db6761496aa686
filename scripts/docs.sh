#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build the documentation: the pages with Sphinx, and that of the Rust code. Fail if
# there is a warning about a file of ours, or if one of our pages is missing. Check that
# the configuration on the page for beginners is one, and that the new files have
# maintainers.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

config=docs
pages=$build/$config/Documentation/output
only_ours=$work/docs-tree
beginners=$top/Documentation/PCI/liveupdate-first.rst

# A tree that has no other pages than ours, for a Sphinx that fails on each warning:
# those of others have some. The index loses the lines of theirs.
make_tree() {
	local name
	rm -rf "$only_ours"
	mkdir -p "$only_ours/Documentation/PCI"
	find "$tree" -mindepth 1 -maxdepth 1 ! -name Documentation -exec ln -st "$only_ours" {} +
	for name in "$tree"/Documentation/*; do
		[[ $name == */@(PCI|ABI) ]] || ln -s "$name" "$only_ours/Documentation/"
	done
	cp "$tree"/Documentation/PCI/liveupdate*.rst "$only_ours/Documentation/PCI/"
	sed -E '/^   [a-z]/ { /^   liveupdate/!d }' "$tree/Documentation/PCI/index.rst" \
		>"$only_ours/Documentation/PCI/index.rst"
}

make_pages() {
	make_tree
	# Anew each time: a page that is not read again does not warn again.
	tree=$only_ours kmake $config SPHINXDIRS=PCI RUSTDOC= \
		SPHINXOPTS='-W --keep-going -E' htmldocs
}

# Warnings of rustc about files that the series adds or changes, over several lines.
warnings() {
	grep -A 3 -E '(warning|error)(:|\[)' "$logs/$1.log" |
		grep -F -f <(jq -r 'keys[]' "$tree/.pci-liveupdate/written.json")
}

# The lines of the page, over what a kernel has that is configured for common hardware.
# Other than for refused(), an option that Kconfig does not know is an error.
configure() {
	local lines=$build/$config/beginners out=$build/$config/.config.first line missing=0
	sed -nE 's/^  ((# )?CONFIG_\w+[ =].*)/\1/p' "$beginners" >"$lines"
	[[ -s $lines ]] || { echo "the page has no configuration"; return 1; }
	kmake $config KCONFIG_CONFIG="$out" x86_64_defconfig
	cat "$lines" >>"$out"
	kmake $config KCONFIG_CONFIG="$out" olddefconfig
	while read -r line; do
		grep -qxF "$line" "$out" && continue
		echo "error: did not take effect: $line"
		missing=1
	done <"$lines"
	return $missing
}

# Each new file is in a section of MAINTAINERS that is about live updates.
find_maintainers() {
	local file missing=0
	cd "$tree"
	while read -r file; do
		[[ ! -e .pci-liveupdate/originals/$file ]] || continue
		perl scripts/get_maintainer.pl --no-git --no-git-fallback --sections -f "$file" |
			grep -xE '(PCI )?LIVE UPDATE' >/dev/null && continue
		echo "error: not in MAINTAINERS: $file"
		missing=1
	done < <(jq -r 'keys[]' .pci-liveupdate/written.json)
	return $missing
}

lock "$kernel_lock"
step htmldocs make_pages
for page in "$top"/Documentation/PCI/*.rst; do
	page=$pages/PCI/$(basename "$page" .rst).html
	[[ -s $page ]] || die "there is no $page"
done
echo "ok the pages: $pages/PCI/index.html"

step 'configuration on the page' configure
echo "ok the configuration on $(basename "$beginners")"

step maintainers find_maintainers
echo "ok the maintainers of new files"

step rustdoc kmake base rustdoc
! warnings rustdoc || die "rustdoc warns of our files"
echo "ok the Rust code: $build/base/Documentation/output/rust/rustdoc/kernel/index.html"
