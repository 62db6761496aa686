#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build the documentation: the pages with Sphinx, and that of the Rust code. Fail if
# there is a warning about a file of ours, or if one of our pages is missing.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

config=docs
pages=$build/$config/Documentation/output

# Warnings about files that the series neither adds nor changes are left to others.
ours() {
	jq -r 'keys[]' "$tree/.pci-liveupdate/written.json"
}

# warnings LOG: those in a log, of rustc over several lines.
warnings() {
	grep -A 3 -E '(WARNING|warning|ERROR|error)(:|\[)' "$logs/$1.log" | grep -F -f <(ours)
}

lock "$kernel_lock"
step htmldocs kmake $config SPHINXDIRS=PCI RUSTDOC= htmldocs
for page in "$top"/Documentation/PCI/*.rst; do
	page=$pages/PCI/$(basename "$page" .rst).html
	[[ -s $page ]] || die "there is no $page"
done
! warnings htmldocs || die "Sphinx warns of our files"
echo "ok the pages: $pages/PCI/index.html"

step rustdoc kmake base rustdoc
! warnings rustdoc || die "rustdoc warns of our files"
echo "ok the Rust code: $build/base/Documentation/output/rust/rustdoc/kernel/index.html"
