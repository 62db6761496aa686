/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the PCI core asks of Live Update. Each function is in door.rs, except
 * for the static inlines that shim.c wraps for Rust.
 */
#ifndef _DRIVERS_PCI_LIVEUPDATE_HOOKS_H
#define _DRIVERS_PCI_LIVEUPDATE_HOOKS_H

#include <linux/pci_liveupdate.h>
#include <linux/types.h>

struct pci_dev;

#ifdef CONFIG_PCI_LIVEUPDATE
void pci_liveupdate_setup_device(struct pci_dev *dev);
void pci_liveupdate_cleanup_device(struct pci_dev *dev);
void pci_liveupdate_freeze_device(struct pci_dev *dev);
bool pci_liveupdate_keeps_master(struct pci_dev *dev);

/* From shim.c to Rust: the kernel parameter and the initcalls. */
int pci_liveupdate_policy(char *name);
int pci_liveupdate_start(void);
int pci_liveupdate_report(void);

/* From Rust to shim.c. */
int pci_liveupdate_domain(struct pci_dev *dev);
struct pci_dev *pci_liveupdate_upstream(struct pci_dev *dev);
bool pci_liveupdate_is_bridge(struct pci_dev *dev);
unsigned int pci_liveupdate_nr_functions(void);
bool pci_liveupdate_jumping(void);
#else
static inline void pci_liveupdate_setup_device(struct pci_dev *dev) { }
static inline void pci_liveupdate_cleanup_device(struct pci_dev *dev) { }
static inline void pci_liveupdate_freeze_device(struct pci_dev *dev) { }

static inline bool pci_liveupdate_keeps_master(struct pci_dev *dev)
{
	return false;
}
#endif

#endif /* _DRIVERS_PCI_LIVEUPDATE_HOOKS_H */
