/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the PCI core asks of Live Update. Each function is in door.rs, except
 * for those that Rust asks of shim.c.
 */
#ifndef _DRIVERS_PCI_LIVEUPDATE_HOOKS_H
#define _DRIVERS_PCI_LIVEUPDATE_HOOKS_H

#include <linux/pci_liveupdate.h>
#include <linux/types.h>

struct pci_bus;
struct pci_dev;
struct pci_driver;

#ifdef CONFIG_PCI_LIVEUPDATE
void pci_liveupdate_setup_device(struct pci_dev *dev);
void pci_liveupdate_cleanup_device(struct pci_dev *dev);
void pci_liveupdate_freeze_device(struct pci_dev *dev);
bool pci_liveupdate_is_live(struct pci_dev *dev);
bool pci_liveupdate_keeps_master(struct pci_dev *dev);
bool pci_liveupdate_refuses_bridge(struct pci_dev *dev, u8 primary,
				   u8 secondary, u8 subordinate, int pass);
bool pci_liveupdate_keeps_buses(struct pci_dev *dev);
void pci_liveupdate_adopt_acs(struct pci_dev *dev);
bool pci_liveupdate_keeps_acs(struct pci_dev *dev);
bool pci_liveupdate_keeps_ari(struct pci_dev *dev);
bool pci_liveupdate_refuses_driver(struct pci_dev *dev,
				   const struct pci_driver *drv);

/* From shim.c to Rust: the kernel parameter and the initcalls. */
int pci_liveupdate_policy(char *name);
int pci_liveupdate_start(void);
int pci_liveupdate_report(void);

/* From Rust to shim.c. */
int pci_liveupdate_domain(struct pci_dev *dev);
struct pci_dev *pci_liveupdate_upstream(struct pci_dev *dev);
bool pci_liveupdate_is_bridge(struct pci_dev *dev);
unsigned int pci_liveupdate_nr_functions(void);
u64 pci_liveupdate_clock(void);
bool pci_liveupdate_jumping(void);
bool pci_liveupdate_handing_over(void);
bool pci_liveupdate_has_vfs(struct pci_dev *dev);
bool pci_liveupdate_is_virtfn(struct pci_dev *dev);
bool pci_liveupdate_is_proxied(struct pci_dev *dev);
bool pci_liveupdate_is_overridden(struct pci_dev *dev);
bool pci_liveupdate_group_shared(struct pci_dev *dev);
struct pci_dev *pci_liveupdate_next_bridge(struct pci_bus *bus,
					   struct pci_dev *last);
void pci_liveupdate_set_ari(struct pci_dev *bridge, bool on);
#else
static inline void pci_liveupdate_setup_device(struct pci_dev *dev) { }
static inline void pci_liveupdate_cleanup_device(struct pci_dev *dev) { }
static inline void pci_liveupdate_freeze_device(struct pci_dev *dev) { }

static inline void pci_liveupdate_adopt_acs(struct pci_dev *dev) { }

static inline bool pci_liveupdate_is_live(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_liveupdate_keeps_master(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_liveupdate_refuses_bridge(struct pci_dev *dev, u8 primary,
						 u8 secondary, u8 subordinate,
						 int pass)
{
	return false;
}

static inline bool pci_liveupdate_keeps_buses(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_liveupdate_keeps_acs(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_liveupdate_keeps_ari(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_liveupdate_refuses_driver(struct pci_dev *dev,
						 const struct pci_driver *drv)
{
	return false;
}
#endif

#endif /* _DRIVERS_PCI_LIVEUPDATE_HOOKS_H */
