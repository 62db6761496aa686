/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_ABI_PCI_IDENTITY_H
#define _LINUX_KHO_ABI_PCI_IDENTITY_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

/**
 * DOC: PCI Live Update identity record
 *
 * Beside the list of preserved functions, a kernel tells the next one what each
 * of them is, so that another device in the same place is not taken for it. The
 * record is one physically contiguous block that KHO preserves. Its physical
 * address is the data of the LUO file-lifecycle-bound object (FLB) named
 * %PCI_IDENTITY_FLB_COMPATIBLE.
 *
 * The block is a struct pci_identity_ser: a header, and an array of one struct
 * pci_identity per function. Everything is in native byte order. An entry is
 * written when the function is shut down for kexec.
 *
 * All values are registers of the function, as they are when no quirk has
 * changed what the kernel keeps of them.
 *
 * A kernel that does not know the record, or finds it damaged, does without,
 * unless it names a function that the only list does not.
 */

/**
 * PCI_IDENTITY_FLB_COMPATIBLE - The name of the FLB that carries the record.
 */
#define PCI_IDENTITY_FLB_COMPATIBLE	"pci-identity-v1"

/* Flags of struct pci_identity. */
#define PCI_IDENTITY_USED	0x01	/* The entry is in use. */
#define PCI_IDENTITY_DMA	0x02	/* Bus Master stays set. */
#define PCI_IDENTITY_ACS	0x04	/* @acs_ctrl is valid. */
#define PCI_IDENTITY_ARI	0x08	/* ARI Forwarding is on. */

/**
 * struct pci_identity - What a function is, and how it was left.
 * @domain:	The PCI segment of the function.
 * @bdf:	Its bus number in the upper byte, its device and function number in
 *		the lower one.
 * @flags:	%PCI_IDENTITY_USED and others; 0 if the entry is free.
 * @header_type: Header Type, without the Multi-Function bit.
 * @vendor:	Vendor ID.
 * @device:	Device ID.
 * @subsystem_vendor: Subsystem Vendor ID; 0 for a bridge.
 * @subsystem:	Subsystem ID; 0 for a bridge.
 * @class_revision: Class Code in the upper 24 bits, Revision ID in the lower 8.
 * @acs_ctrl:	ACS Control, with %PCI_IDENTITY_ACS.
 * @buses:	Primary, Secondary and Subordinate Bus Number; 0 for an endpoint.
 * @reserved:	0.
 */
struct pci_identity {
	u32 domain;
	u16 bdf;
	u8 flags;
	u8 header_type;
	u16 vendor;
	u16 device;
	u16 subsystem_vendor;
	u16 subsystem;
	u32 class_revision;
	u16 acs_ctrl;
	u8 buses[3];
	u8 reserved[7];
} __packed;

/**
 * struct pci_identity_ser - What all preserved functions are.
 * @max_nr:	The length of @entries.
 * @nr:		The number of entries that are in use.
 * @entries:	The functions, in no particular order.
 */
struct pci_identity_ser {
	u32 max_nr;
	u32 nr;
	struct pci_identity entries[];
} __packed;

/* A change of any of these breaks the ABI. */
static_assert(offsetof(struct pci_identity, domain) == 0);
static_assert(offsetof(struct pci_identity, bdf) == 4);
static_assert(offsetof(struct pci_identity, flags) == 6);
static_assert(offsetof(struct pci_identity, header_type) == 7);
static_assert(offsetof(struct pci_identity, vendor) == 8);
static_assert(offsetof(struct pci_identity, device) == 10);
static_assert(offsetof(struct pci_identity, subsystem_vendor) == 12);
static_assert(offsetof(struct pci_identity, subsystem) == 14);
static_assert(offsetof(struct pci_identity, class_revision) == 16);
static_assert(offsetof(struct pci_identity, acs_ctrl) == 20);
static_assert(offsetof(struct pci_identity, buses) == 22);
static_assert(offsetof(struct pci_identity, reserved) == 25);
static_assert(sizeof(struct pci_identity) == 32);
static_assert(offsetof(struct pci_identity_ser, max_nr) == 0);
static_assert(offsetof(struct pci_identity_ser, nr) == 4);
static_assert(offsetof(struct pci_identity_ser, entries) == 8);

#endif /* _LINUX_KHO_ABI_PCI_IDENTITY_H */
