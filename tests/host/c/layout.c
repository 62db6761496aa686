// SPDX-License-Identifier: GPL-2.0
/* Prints the layout of a handover as a C compiler sees it, a line per fact. */
#include <stddef.h>
#include <stdio.h>

#include <linux/kho/abi/pci.h>
#include <linux/kho/abi/pci_blocks.h>
#include <linux/kho/abi/pci_identity.h>
#include <linux/kho/abi/vfio_pci.h>

#define SIZE(type) printf(#type " size %zu\n", sizeof(struct type))
#define FIELD(type, field)						\
	printf(#type "." #field " offset %zu size %zu\n",		\
	       offsetof(struct type, field), sizeof(((struct type *)0)->field))

static void identity(void)
{
	printf("compatible %s\n", PCI_IDENTITY_FLB_COMPATIBLE);
	printf("flags %d %d %d %d\n", PCI_IDENTITY_USED, PCI_IDENTITY_DMA,
	       PCI_IDENTITY_ACS, PCI_IDENTITY_ARI);
	SIZE(pci_identity);
	FIELD(pci_identity, domain);
	FIELD(pci_identity, bdf);
	FIELD(pci_identity, flags);
	FIELD(pci_identity, header_type);
	FIELD(pci_identity, vendor);
	FIELD(pci_identity, device);
	FIELD(pci_identity, subsystem_vendor);
	FIELD(pci_identity, subsystem);
	FIELD(pci_identity, class_revision);
	FIELD(pci_identity, acs_ctrl);
	FIELD(pci_identity, buses);
	FIELD(pci_identity, reserved);
	SIZE(pci_identity_ser);
	FIELD(pci_identity_ser, max_nr);
	FIELD(pci_identity_ser, nr);
	printf("pci_identity_ser.entries offset %zu stride %zu\n",
	       offsetof(struct pci_identity_ser, entries),
	       sizeof(((struct pci_identity_ser *)0)->entries[0]));
}

static void vfio_pci(void)
{
	printf("compatible %s\n", VFIO_PCI_FILE_COMPATIBLE);
	printf("version %d\n", VFIO_PCI_FILE_VERSION);
	SIZE(vfio_pci_file_ser);
	FIELD(vfio_pci_file_ser, version);
	FIELD(vfio_pci_file_ser, domain);
	FIELD(vfio_pci_file_ser, bdf);
	FIELD(vfio_pci_file_ser, reserved);
}

int main(void)
{
	printf("compatible %s\n", PCI_LUO_FLB_COMPATIBLE);
	SIZE(pci_dev_ser);
	FIELD(pci_dev_ser, domain);
	FIELD(pci_dev_ser, bdf);
	FIELD(pci_dev_ser, refcount);
	SIZE(pci_ser);
	FIELD(pci_ser, max_nr_devices);
	FIELD(pci_ser, nr_devices);
	printf("pci_ser.devices offset %zu stride %zu\n",
	       offsetof(struct pci_ser, devices), sizeof(((struct pci_ser *)0)->devices[0]));
	printf("compatible %s\n", PCI_LUO_FLB_BLOCKS_COMPATIBLE);
	printf("versions %d %d\n", PCI_BLOCKS_VERSION_WITHOUT_BRIDGES, PCI_BLOCKS_VERSION);
	SIZE(pci_blocks_ser);
	FIELD(pci_blocks_ser, version);
	FIELD(pci_blocks_ser, nr_devices);
	FIELD(pci_blocks_ser, first);
	FIELD(pci_block_ser, header.next);
	FIELD(pci_block_ser, header.count);
	printf("pci_block_ser.devices offset %zu stride %zu number %zu\n",
	       offsetof(struct pci_block_ser, devices),
	       sizeof(((struct pci_block_ser *)0)->devices[0]),
	       (KHO_BLOCK_SIZE - sizeof(struct pci_block_ser)) / sizeof(struct pci_dev_ser));
	identity();
	vfio_pci();
	return 0;
}
