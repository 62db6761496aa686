/* SPDX-License-Identifier: GPL-2.0 */
/* What <linux/build_bug.h> gives a header in the kernel, for a C compiler alone. */
#ifndef _LINUX_BUILD_BUG_H
#define _LINUX_BUILD_BUG_H

#define static_assert(expr) _Static_assert(expr, #expr)

#endif /* _LINUX_BUILD_BUG_H */
