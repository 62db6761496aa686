#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Check that the hooks are gone when the feature is off: the object code of the C files
# that they touch is that of the tree without them. The other patches are in both:
# independent fixes, and the changes to LUO, memfd and VFIO.

export PCI_LIVEUPDATE_WORK=hooks-off
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

config='hooks-off'
before=$work/before

mapfile -t objects < <(sed -n 's|^+++ b/\(.*\)\.c$|\1.o|p' "${hooks[@]}" | sort -u)
PCI_LIVEUPDATE_WITHOUT=$hooks_glob "$top/scripts/kernel.sh" $config "${objects[@]}"
rm -rf "$before"
mkdir "$before"
(cd "$build/$config" && cp --parents "${objects[@]}" "$before")
"$top/scripts/kernel.sh" $config "${objects[@]}"

echo '# in both trees:'
printf '%s\n' "${series[@]##*/}" | grep -vxF -f <(printf '%s\n' "${hooks[@]##*/}") | sed 's/^/# /'
"$top/scripts/object_code.py" "$before" "$build/$config" "${objects[@]}"
