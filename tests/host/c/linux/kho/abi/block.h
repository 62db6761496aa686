/* SPDX-License-Identifier: GPL-2.0 */
/* What <linux/kho/abi/block.h> of the kernel states, on a machine with pages of 4 KiB. */
#ifndef _LINUX_KHO_ABI_BLOCK_H
#define _LINUX_KHO_ABI_BLOCK_H

#include <linux/types.h>

#define KHO_BLOCK_SIZE	4096

struct kho_block_header_ser {
	u64 next;
	u64 count;
} __packed;

#endif /* _LINUX_KHO_ABI_BLOCK_H */
