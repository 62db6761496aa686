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
 * struct pci_liveupdate - What Live Update keeps on a function
 * @outgoing:	The entry of the function in what the next kernel gets, counted
 *		from 1; 0 if it has none.
 * @incoming:	The same in what the previous kernel handed over.
 * @buses:	The bus numbers of an incoming bridge, as found in its registers
 *		when it was enumerated.
 * @acs_ctrl:	ACS Control as the previous kernel had it, if @acs_kept.
 * @acs_kept:	@acs_ctrl is not to be changed.
 * @frozen:	What the next kernel gets about the function is settled.
 * @removed:	The function is being removed from the system.
 * @pinned:	The bridge keeps its bus numbers in the scan that is running.
 * @refused:	The bridge was left alone for its bus numbers.
 * @match_logged: The log says that a driver was kept from the function.
 *
 * All of it belongs to drivers/pci/liveupdate/.
 */
struct pci_liveupdate {
	u32 outgoing;
	u32 incoming;
	u32 buses;
	u16 acs_ctrl;
	bool acs_kept;
	bool frozen;
	bool removed;
	bool pinned;
	bool refused;
	bool match_logged;
};

/**
 * pci_liveupdate_register_flb() - Hand PCI devices over with the files of a
 *				   handler
 * @fh: A file handler that is registered with the Live Update Orchestrator.
 *
 * Call it once, after the handler was registered and before any of its files
 * can be preserved. From then on the array of preserved devices lives as long
 * as any preserved file of any such handler.
 *
 * Context: May sleep.
 * Return: 0, -EEXIST if this was done for @fh before, -EOPNOTSUPP if Live
 * Update is off, -ENOSPC or -ENOMEM.
 */
int pci_liveupdate_register_flb(struct liveupdate_file_handler *fh);

/**
 * pci_liveupdate_unregister_flb() - Undo pci_liveupdate_register_flb()
 * @fh: The file handler that it was called for.
 *
 * Context: May sleep. No file of @fh may be preserved.
 */
void pci_liveupdate_unregister_flb(struct liveupdate_file_handler *fh);

/**
 * pci_liveupdate_preserve() - Keep a device running over the next kexec
 * @dev: The device.
 *
 * Tells the next kernel of @dev and of every bridge above it: of all of them,
 * or of none. Each successful call needs one pci_liveupdate_unpreserve(),
 * unless the kexec comes first.
 *
 * Context: A driver's preserve() callback of a file handler for which
 * pci_liveupdate_register_flb() was called. May sleep; never waits for
 * pci_lock_rescan_remove().
 * Return:
 * * 0 - The next kernel will know @dev.
 * * -EINVAL - @dev cannot be preserved as it is; the log says why.
 * * -EOPNOTSUPP - Live Update is off.
 * * -ENOENT - No file is being preserved.
 * * -EBUSY - @dev is preserved already.
 * * -EAGAIN - A scan for devices is running; the file can be preserved when it
 *   has ended. The driver passes this on.
 * * -ENODEV - @dev was removed.
 * * -EOVERFLOW - A bridge above @dev has 65,535 preserved devices below it.
 * * -ENOSPC - The array is full.
 * * -ENOMEM - There is no memory for the book-keeping.
 */
int pci_liveupdate_preserve(struct pci_dev *dev);

/**
 * pci_liveupdate_unpreserve() - Undo one pci_liveupdate_preserve()
 * @dev: The device.
 *
 * Warns, and changes nothing, if @dev is not preserved or if it is too late to
 * change anything.
 *
 * Context: A driver's unpreserve() callback, or the error path of its
 * preserve(). May sleep.
 */
void pci_liveupdate_unpreserve(struct pci_dev *dev);

/**
 * pci_liveupdate_finish() - Say that an incoming device is like any other now
 * @dev: The device.
 *
 * From here on nothing about @dev is kept on behalf of the previous kernel,
 * nor about a bridge above it that has no other incoming device below.
 * Warns, and changes nothing, if @dev is not incoming.
 *
 * Context: A driver's finish() callback. May sleep.
 */
void pci_liveupdate_finish(struct pci_dev *dev);

/**
 * pci_liveupdate_is_incoming() - Tell whether a device runs since the previous
 *				  kernel
 * @dev: The device.
 *
 * Context: Any.
 * Return: true from the enumeration of a device that the previous kernel
 * preserved until pci_liveupdate_finish().
 */
bool pci_liveupdate_is_incoming(struct pci_dev *dev);
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
#endif

#endif /* _LINUX_PCI_LIVEUPDATE_H */
