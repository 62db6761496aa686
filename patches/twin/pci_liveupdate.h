/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI Live Update: keep devices running while the kernel is replaced by kexec.
 *
 * Each of the two cores has a header of its own. What both have is the interface for
 * drivers.
 */
#ifndef _LINUX_PCI_LIVEUPDATE_PROVIDER_H
#define _LINUX_PCI_LIVEUPDATE_PROVIDER_H

#ifdef CONFIG_PCI_LIVEUPDATE_RUST
#include <linux/pci_liveupdate_rust.h>
#else
#include <linux/pci_liveupdate_c.h>
#include <linux/types.h>

struct pci_dev;

/* Asked by hooks of the core in Rust only. */
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

#endif /* _LINUX_PCI_LIVEUPDATE_PROVIDER_H */
