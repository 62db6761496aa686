/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The formats of the handover, for modinfo, the image and debugfs. A format is the
 * name of an FLB, with ":VERSION" if the data of the FLB begin with a version. A
 * blank is between two of them.
 */
#ifndef DRIVERS_PCI_LIVEUPDATE_FORMATS_H
#define DRIVERS_PCI_LIVEUPDATE_FORMATS_H

#include <linux/kho/abi/pci.h>
#include <linux/kho/abi/pci_identity.h>

#define PCI_LIVEUPDATE_WRITES \
	PCI_LUO_FLB_COMPATIBLE " " PCI_IDENTITY_FLB_COMPATIBLE
#define PCI_LIVEUPDATE_READS \
	PCI_LUO_FLB_COMPATIBLE " " PCI_IDENTITY_FLB_COMPATIBLE

#endif /* DRIVERS_PCI_LIVEUPDATE_FORMATS_H */
