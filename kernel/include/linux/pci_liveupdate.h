/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI Live Update: keep devices running while the kernel is replaced by kexec.
 *
 * What drivers call, and when, is in Documentation/PCI/liveupdate.rst.
 */
#ifndef _LINUX_PCI_LIVEUPDATE_H
#define _LINUX_PCI_LIVEUPDATE_H

#include <linux/errno.h>
#include <linux/liveupdate.h>
#include <linux/types.h>

struct pci_dev;

#ifdef CONFIG_PCI_LIVEUPDATE
/**
 * struct pci_liveupdate - Live Update state of a PCI function
 * @outgoing:	Index of the entry of the function in the outgoing array, plus
 *		one; 0 if it has none.
 * @incoming:	The same for the array of the previous kernel.
 * @buses:	Bus numbers of a live bridge, as read when it was found or got its
 *		entry.
 * @id:		Vendor ID and Device ID, as read when the function was found.
 * @class_revision: Class Code and Revision ID, likewise.
 * @acs_ctrl:	ACS Control as the previous kernel had it, if @acs_kept.
 * @hdr_type:	Header Type, without the Multi-Function bit, likewise.
 * @acs_kept:	ACS Control is kept at @acs_ctrl.
 * @acs_quirk:	Device-specific ACS operations apply to it, or to a bridge above.
 * @enabling_vfs: Virtual Functions of it are being enabled.
 * @frozen:	The entry in the outgoing array does not change any more.
 * @removed:	The function is being removed.
 * @pinned:	The bridge keeps its bus numbers in the running scan.
 * @refused:	The bridge was left alone because of its bus numbers.
 * @match_logged: It was logged that a driver did not match because of this.
 *
 * Private to drivers/pci/liveupdate/.
 */
struct pci_liveupdate {
	u32 outgoing;
	u32 incoming;
	u32 buses;
	u32 id;
	u32 class_revision;
	u16 acs_ctrl;
	u8 hdr_type;
	bool acs_kept;
	bool acs_quirk;
	bool enabling_vfs;
	bool frozen;
	bool removed;
	bool pinned;
	bool refused;
	bool match_logged;
};

/**
 * pci_liveupdate_register_flb() - Register the state of the PCI core with a
 *				   file handler
 * @fh: A file handler of the Live Update Orchestrator.
 *
 * To be called once per handler, preferably before
 * liveupdate_register_file_handler(): a file of a registered handler can be
 * preserved at any time. If that happens meanwhile, the call fails, and what it
 * has registered stays until the handler is unregistered. The array of preserved
 * devices exists as long as a file of any such handler is preserved.
 *
 * Context: Process context. May sleep.
 * Return: 0 on success, -EEXIST if @fh was registered before, -EBUSY if a file
 * of @fh is preserved, -EOPNOTSUPP if Live Update is disabled, -ENOSPC or
 * -ENOMEM.
 */
int pci_liveupdate_register_flb(struct liveupdate_file_handler *fh);

/**
 * pci_liveupdate_unregister_flb() - Undo pci_liveupdate_register_flb()
 * @fh: The file handler that it was called for.
 *
 * Warns, and changes nothing, if a file of @fh is preserved.
 *
 * Context: Process context. May sleep.
 */
void pci_liveupdate_unregister_flb(struct liveupdate_file_handler *fh);

/**
 * pci_liveupdate_preserve() - Preserve a device over the next kexec
 * @dev: The device.
 *
 * Adds @dev and every bridge above it to the outgoing array, or none of them
 * on failure. Each successful call is undone by pci_liveupdate_unpreserve(),
 * unless kexec comes first.
 *
 * Context: The preserve() callback of a file handler that was passed to
 * pci_liveupdate_register_flb(). May sleep. Does not wait for
 * pci_lock_rescan_remove().
 * Return:
 * * 0 - The next kernel is told of @dev.
 * * -EINVAL - @dev cannot be preserved; the log has the reason.
 * * -EOPNOTSUPP - Live Update is disabled.
 * * -ENOENT - No file is being preserved.
 * * -EBUSY - @dev is preserved already.
 * * -EAGAIN - A scan for devices is running, or the system is being suspended.
 *   The driver returns this to user space, which tries again.
 * * -ENODEV - @dev was removed.
 * * -EOVERFLOW - 65,535 preserved devices are below a bridge above @dev.
 * * -ENOSPC - The array is full.
 */
int pci_liveupdate_preserve(struct pci_dev *dev);

/**
 * pci_liveupdate_unpreserve() - Undo pci_liveupdate_preserve()
 * @dev: The device.
 *
 * Warns and does nothing if @dev is not preserved, or if its state is frozen.
 *
 * Context: The unpreserve() callback of a file handler, or the error path of
 * its preserve(). May sleep.
 */
void pci_liveupdate_unpreserve(struct pci_dev *dev);

/**
 * pci_liveupdate_finish() - Finish the live update of an incoming device
 * @dev: The device.
 *
 * The device is handled like any other from now on, and so is each bridge
 * above it that has no other incoming device below. Warns and does nothing if
 * @dev is not incoming.
 *
 * Context: The finish() callback of a file handler. May sleep.
 */
void pci_liveupdate_finish(struct pci_dev *dev);

/**
 * pci_liveupdate_is_incoming() - Tell whether a device was preserved by the
 *				  previous kernel
 * @dev: The device.
 *
 * Context: Any context.
 * Return: true from the enumeration of a device that the previous kernel
 * preserved until pci_liveupdate_finish().
 */
bool pci_liveupdate_is_incoming(struct pci_dev *dev);

/**
 * pci_liveupdate_is_running() - Tell whether a device does DMA since the
 *				 previous kernel
 * @dev: The device.
 *
 * For the IOMMU core: the addresses that such a device uses are physical ones.
 *
 * Context: Any.
 * Return: true for an incoming device that is no bridge and has Bus Master on.
 */
bool pci_liveupdate_is_running(struct pci_dev *dev);

/**
 * pci_liveupdate_stop_dma() - Take Bus Master from a device of the previous
 *			       kernel
 * @dev: The device.
 * @reason: Why it cannot go on, for the log.
 *
 * For the IOMMU core, where physical addresses would be translated or blocked.
 *
 * Context: Any.
 */
void pci_liveupdate_stop_dma(struct pci_dev *dev, const char *reason);

/* Not for drivers: asked before a kexec that is to come back. */
bool pci_liveupdate_may_sleep(void);
#else
static inline int
pci_liveupdate_register_flb(struct liveupdate_file_handler *fh)
{
	return -EOPNOTSUPP;
}

static inline void
pci_liveupdate_unregister_flb(struct liveupdate_file_handler *fh)
{
}

static inline int pci_liveupdate_preserve(struct pci_dev *dev)
{
	return -EOPNOTSUPP;
}

static inline void pci_liveupdate_unpreserve(struct pci_dev *dev)
{
}

static inline void pci_liveupdate_finish(struct pci_dev *dev)
{
}

static inline bool pci_liveupdate_is_incoming(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_liveupdate_may_sleep(void)
{
	return true;
}

static inline bool pci_liveupdate_is_running(struct pci_dev *dev)
{
	return false;
}

static inline void pci_liveupdate_stop_dma(struct pci_dev *dev,
					   const char *reason)
{
}
#endif

#endif /* _LINUX_PCI_LIVEUPDATE_H */
