/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The contract between two kernels about files of VFIO PCI devices.
 */
#ifndef _LINUX_KHO_ABI_VFIO_PCI_H
#define _LINUX_KHO_ABI_VFIO_PCI_H

#include <linux/types.h>

/**
 * DOC: VFIO PCI Live Update ABI
 *
 * A file of a VFIO PCI device is handed over as one &struct vfio_pci_file_ser in
 * memory that KHO preserves, whose physical address LUO passes on. It says which
 * device the file is about, and nothing of the state of the device: that is what
 * the registers say. The device itself is handed over by the PCI core, see
 * include/linux/kho/abi/pci.h.
 *
 * The name is not "vfio-pci-v1", which belongs to a format for devices that are
 * reset on the way.
 *
 * This interface is a contract: a change of the layout takes another version,
 * or another name if kernels that know only this one must not take the file.
 */

#define VFIO_PCI_FILE_COMPATIBLE	"vfio-pci-cdev-v1"
#define VFIO_PCI_FILE_VERSION		1

/**
 * struct vfio_pci_file_ser - A file of a device that was opened through its node
 * @version:	VFIO_PCI_FILE_VERSION.
 * @domain:	PCI segment of the device.
 * @bdf:	Bus << 8 | devfn of the device.
 * @reserved:	0.
 */
struct vfio_pci_file_ser {
	u32 version;
	u32 domain;
	u16 bdf;
	u16 reserved;
} __packed;

#endif /* _LINUX_KHO_ABI_VFIO_PCI_H */
