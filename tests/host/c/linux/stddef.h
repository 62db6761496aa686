/* SPDX-License-Identifier: GPL-2.0 */
/* What <linux/stddef.h> gives a header in the kernel, for a C compiler alone. */
#ifndef _LINUX_STDDEF_H
#define _LINUX_STDDEF_H

#include <stddef.h>

#endif /* _LINUX_STDDEF_H */
