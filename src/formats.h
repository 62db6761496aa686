/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The formats of the handover, for modinfo, the image and debugfs. A format is the
 * name of an FLB, with ":VERSION" if the data of the FLB begin with a version. A
 * blank is between two of them.
 */
#ifndef DRIVERS_PCI_LIVEUPDATE_FORMATS_H
#define DRIVERS_PCI_LIVEUPDATE_FORMATS_H

#include <linux/kho/abi/pci.h>
#include <linux/kho/abi/pci_blocks.h>
#include <linux/kho/abi/pci_identity.h>
#include <linux/stringify.h>

#define PCI_LIVEUPDATE_BLOCKS(version) \
	PCI_LUO_FLB_BLOCKS_COMPATIBLE ":" __stringify(version)

/* Of the list of devices, which pci_liveupdate.formats= can leave out. */
#define PCI_LIVEUPDATE_WRITES_ARRAY	PCI_LUO_FLB_COMPATIBLE
#define PCI_LIVEUPDATE_READS_ARRAY	PCI_LUO_FLB_COMPATIBLE
#define PCI_LIVEUPDATE_WRITES_BLOCKS	PCI_LIVEUPDATE_BLOCKS(PCI_BLOCKS_VERSION)
#define PCI_LIVEUPDATE_READS_BLOCKS \
	PCI_LIVEUPDATE_BLOCKS(PCI_BLOCKS_VERSION_WITHOUT_BRIDGES) " " \
	PCI_LIVEUPDATE_BLOCKS(PCI_BLOCKS_VERSION)

#define PCI_LIVEUPDATE_WRITES \
	PCI_LIVEUPDATE_WRITES_ARRAY " " PCI_LIVEUPDATE_WRITES_BLOCKS " " \
	PCI_IDENTITY_FLB_COMPATIBLE
#define PCI_LIVEUPDATE_READS \
	PCI_LIVEUPDATE_READS_ARRAY " " PCI_LIVEUPDATE_READS_BLOCKS " " \
	PCI_IDENTITY_FLB_COMPATIBLE

#endif /* DRIVERS_PCI_LIVEUPDATE_FORMATS_H */
