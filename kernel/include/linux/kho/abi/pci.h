/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_PCI_H
#define _LINUX_KHO_ABI_PCI_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

/**
 * DOC: PCI Live Update ABI
 *
 * When a kernel is replaced while PCI devices keep running, it tells the next
 * kernel which functions are live, in one physically contiguous block that KHO
 * preserves. The physical address of the block is the data of the LUO
 * file-lifecycle-bound object (FLB) named %PCI_LUO_FLB_COMPATIBLE.
 *
 * The block is a struct pci_ser: a header, and an array of one struct
 * pci_dev_ser per function. Everything is in native byte order.
 *
 * The block is consistent at all times: @nr_devices is the number of entries
 * whose @refcount is not 0, and no two of these entries have the same function.
 * An entry whose @refcount is 0 is free. It may be anywhere in the array, and
 * its other fields are undefined. The kernel that reads the block must check
 * all of this, and that the array fits into the preserved memory.
 *
 * This interface is a contract between kernels that are built at different
 * times. The layout below never changes. Data that is not part of it goes into
 * another FLB, and a layout that replaces this one has to change
 * %PCI_LUO_FLB_COMPATIBLE, so that a kernel which does not know the new layout
 * does not find it.
 */

/**
 * PCI_LUO_FLB_COMPATIBLE - The name of the FLB that carries a struct pci_ser.
 */
#define PCI_LUO_FLB_COMPATIBLE	"pci-v3"

/**
 * struct pci_dev_ser - One PCI function.
 * @domain:	The PCI segment of the function.
 * @bdf:	Its bus number in the upper byte, its device and function number in
 *		the lower one.
 * @refcount:	The number of preserved devices at or below the function; 0 if
 *		the entry is free.
 *
 * There is an entry for each preserved device and for each bridge above one.
 */
struct pci_dev_ser {
	u32 domain;
	u16 bdf;
	u16 refcount;
} __packed;

/**
 * struct pci_ser - All PCI functions that are live across the update.
 * @max_nr_devices:	The length of @devices.
 * @nr_devices:		The number of entries of @devices that are in use.
 * @devices:		The functions, in no particular order.
 */
struct pci_ser {
	u32 max_nr_devices;
	u32 nr_devices;
	struct pci_dev_ser devices[];
} __packed;

/* A change of any of these breaks the ABI. */
static_assert(offsetof(struct pci_dev_ser, domain) == 0);
static_assert(offsetof(struct pci_dev_ser, bdf) == 4);
static_assert(offsetof(struct pci_dev_ser, refcount) == 6);
static_assert(sizeof(struct pci_dev_ser) == 8);
static_assert(offsetof(struct pci_ser, max_nr_devices) == 0);
static_assert(offsetof(struct pci_ser, nr_devices) == 4);
static_assert(offsetof(struct pci_ser, devices) == 8);

#endif /* _LINUX_KHO_ABI_PCI_H */
