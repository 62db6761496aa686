/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between vfio-pci-core, which may be a module, and the file handler for its
 * devices, which is built in: LUO refuses all sessions of the previous kernel
 * for ever if it does not know the handler of one of their files.
 */
#ifndef _LINUX_VFIO_PCI_LIVEUPDATE_H
#define _LINUX_VFIO_PCI_LIVEUPDATE_H

#include <linux/kho/abi/vfio_pci.h>
#include <linux/pci_regs.h>
#include <linux/types.h>

struct file;
struct pci_dev;

#ifdef CONFIG_VFIO_PCI_LIVEUPDATE
#define VFIO_PCI_LIVEUPDATE_VECTORS	(PCI_MSIX_FLAGS_QSIZE + 1)

/**
 * struct vfio_pci_liveupdate - Live Update state of a VFIO PCI device
 * @file:	The file of the device that LUO holds.
 * @outgoing:	The device is preserved for the next kernel.
 * @frozen:	Neither user space nor interrupts reach each other.
 * @command:	COMMAND when the device was frozen.
 * @msi:	MSI Message Control when the device was frozen.
 * @msix:	MSI-X Message Control when the device was frozen.
 * @unsignalled: MSI and MSI-X vectors that have to be signalled when they are set
 *		up, since the device was running before.
 *
 * Changed with the memory_lock of the device held for writing. @frozen is changed
 * with its irqlock held as well, and @unsignalled is protected by its igate once
 * the device is open.
 */
struct vfio_pci_liveupdate {
	struct file *file;
	bool outgoing;
	bool frozen;
	u16 command;
	u16 msi;
	u16 msix;
	DECLARE_BITMAP(unsignalled, VFIO_PCI_LIVEUPDATE_VECTORS);
};

/**
 * struct vfio_pci_liveupdate_ops - What the file handler asks of vfio-pci-core
 * @is_vfio:	Whether a file, of any kind, is one of VFIO.
 * @preserve:	Check that the device of a file can be handed over, and mark it
 *		as outgoing. Returns the device, or an ERR_PTR() after a line in
 *		the log.
 * @unpreserve:	Undo @preserve.
 * @freeze:	Keep user space and interrupts away from the device.
 * @unfreeze:	Undo @freeze.
 * @retrieve:	Open a device. Returns -EAGAIN if its driver is not bound yet.
 * @may_use:	Make the checks of an open of this file for the calling process.
 * @has_memory:	Whether user space has bound the file and mapped memory for the
 *		device.
 * @finish:	Forget that LUO holds the file.
 * @unused:	Whether nobody but LUO holds the file of a device.
 * @close:	Close a device for which @unused returned true. Its driver calls.
 *
 * Files other than that of @is_vfio are those of @preserve or @retrieve, and not
 * closed. All may sleep.
 */
struct vfio_pci_liveupdate_ops {
	bool (*is_vfio)(struct file *file);
	struct pci_dev *(*preserve)(struct file *file);
	void (*unpreserve)(struct file *file);
	int (*freeze)(struct file *file);
	void (*unfreeze)(struct file *file);
	struct file *(*retrieve)(struct pci_dev *pdev);
	bool (*may_use)(struct file *file);
	bool (*has_memory)(struct file *file);
	void (*finish)(struct file *file);
	bool (*unused)(struct pci_dev *pdev);
	void (*close)(struct pci_dev *pdev);
};

/* For vfio-pci-core. */
void vfio_pci_liveupdate_attach(const struct vfio_pci_liveupdate_ops *ops);
void vfio_pci_liveupdate_detach(void);
bool vfio_pci_liveupdate_give_up(struct pci_dev *pdev);

/* For the file handler: the operations, or what they return without a module. */
bool vfio_pci_file_is_vfio(struct file *file);
struct pci_dev *vfio_pci_file_preserve(struct file *file);
void vfio_pci_file_unpreserve(struct file *file);
int vfio_pci_file_freeze(struct file *file);
void vfio_pci_file_unfreeze(struct file *file);
struct file *vfio_pci_file_retrieve(struct pci_dev *pdev);
bool vfio_pci_file_may_use(struct file *file);
bool vfio_pci_file_has_memory(struct file *file);
void vfio_pci_file_finish(struct file *file);
bool vfio_pci_file_unused(struct pci_dev *pdev);
void vfio_pci_file_close(struct pci_dev *pdev);
int vfio_pci_file_hold(struct file *file);
bool vfio_pci_has_iommu(struct pci_dev *pdev);
#else
static inline void vfio_pci_liveupdate_detach(void)
{
}
#endif

#endif /* _LINUX_VFIO_PCI_LIVEUPDATE_H */
