/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_PCI_BLOCKS_H
#define _LINUX_KHO_ABI_PCI_BLOCKS_H

#include <linux/build_bug.h>
#include <linux/kho/abi/block.h>
#include <linux/kho/abi/pci.h>
#include <linux/stddef.h>
#include <linux/types.h>

/**
 * DOC: PCI Live Update ABI in blocks
 *
 * The same functions as in a struct pci_ser, in a form that grows: a header,
 * and a list of KHO blocks (see linux/kho/abi/block.h) whose entries are struct
 * pci_dev_ser. The physical address of the header is the data of the FLB named
 * %PCI_LUO_FLB_BLOCKS_COMPATIBLE. Header and blocks are one preserved page each.
 *
 * An entry whose @refcount is 0 is free; free entries may be between used ones.
 * A block has at least one entry, used or free: readers refuse a list that has
 * a block without entries. A block is therefore linked when its first entry is
 * used, and stays linked when that is free again. No two used entries have the
 * same function.
 *
 * A kernel may hand over both this list and a struct pci_ser. Then both have
 * the same used entries.
 *
 * This interface is a contract between kernels that are built at different
 * times. A change of it takes another @version, and the place and the size of
 * @version never change. A kernel that does not know the version uses nothing
 * else of the list.
 */

/**
 * PCI_LUO_FLB_BLOCKS_COMPATIBLE - The name of the FLB that carries a struct
 * pci_blocks_ser.
 */
#define PCI_LUO_FLB_BLOCKS_COMPATIBLE	"pci"

/**
 * PCI_BLOCKS_VERSION - The version that is written.
 *
 * %PCI_BLOCKS_VERSION_WITHOUT_BRIDGES is only read: there are no entries for
 * bridges, and @refcount is 0 or 1.
 */
#define PCI_BLOCKS_VERSION			2
#define PCI_BLOCKS_VERSION_WITHOUT_BRIDGES	1

/**
 * struct pci_blocks_ser - All PCI functions that are live across the update.
 * @version:	The version of the format.
 * @nr_devices:	The number of used entries of all blocks.
 * @first:	The physical address of the first struct pci_block_ser, or 0.
 */
struct pci_blocks_ser {
	u32 version;
	u32 nr_devices;
	u64 first;
} __packed;

/**
 * struct pci_block_ser - A block of functions.
 * @header:	The address of the next block, or 0, and the number of @devices.
 * @devices:	The functions, in no particular order.
 */
struct pci_block_ser {
	struct kho_block_header_ser header;
	struct pci_dev_ser devices[];
} __packed;

/* A change of any of these breaks the ABI. */
static_assert(offsetof(struct pci_blocks_ser, version) == 0);
static_assert(offsetof(struct pci_blocks_ser, nr_devices) == 4);
static_assert(offsetof(struct pci_blocks_ser, first) == 8);
static_assert(sizeof(struct pci_blocks_ser) == 16);
static_assert(offsetof(struct pci_block_ser, header.next) == 0);
static_assert(offsetof(struct pci_block_ser, header.count) == 8);
static_assert(offsetof(struct pci_block_ser, devices) == 16);

#endif /* _LINUX_KHO_ABI_PCI_BLOCKS_H */
