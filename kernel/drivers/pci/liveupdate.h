/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the PCI core asks of Live Update. Each function is an #[export] of
 * drivers/pci/liveupdate/src/ffi.rs, except for those at the end, which Rust
 * asks of helpers.c.
 */
#ifndef DRIVERS_PCI_LIVEUPDATE_H
#define DRIVERS_PCI_LIVEUPDATE_H

#include <linux/pci_liveupdate.h>
#include <linux/types.h>

struct pci_bus;
struct pci_dev;
struct pci_driver;

#ifdef CONFIG_PCI_LIVEUPDATE
void pci_liveupdate_setup_device(struct pci_dev *dev);
void pci_liveupdate_cleanup_device(struct pci_dev *dev);
void pci_liveupdate_freeze_device(struct pci_dev *dev);
bool pci_liveupdate_forbid_ats(struct pci_dev *dev);
bool pci_liveupdate_is_live(struct pci_dev *dev);
bool pci_liveupdate_keep_master(struct pci_dev *dev);
bool pci_liveupdate_keep_dma(struct pci_dev *dev);
bool pci_liveupdate_keep_intx(struct pci_dev *dev);
bool pci_liveupdate_may_reset(struct pci_dev *dev);
bool pci_liveupdate_may_reset_bus(struct pci_dev *dev);
bool pci_liveupdate_may_reset_below(struct pci_dev *bridge);
int pci_liveupdate_scan_bridge(struct pci_dev *bridge, u8 primary, u8 secondary,
			       u8 subordinate, int pass);
int pci_liveupdate_begin_vfs(struct pci_dev *dev, int nr);
void pci_liveupdate_end_vfs(struct pci_dev *dev);
void pci_liveupdate_init_acs(struct pci_dev *dev);
bool pci_liveupdate_keep_acs(struct pci_dev *dev);
bool pci_liveupdate_keep_ari(struct pci_dev *dev);
bool pci_liveupdate_driver_match(struct pci_dev *dev,
				 const struct pci_driver *drv);

/* From helpers.c to Rust: the kernel parameters, initcalls, notifiers. */
int pci_liveupdate_set_policy(char *name);
int pci_liveupdate_set_formats(char *names);
int pci_liveupdate_init(void);
int pci_liveupdate_late_init(void);
int pci_liveupdate_prepare_sleep(bool to_disk);
void pci_liveupdate_end_sleep(bool to_disk);
void pci_liveupdate_leave_device(struct pci_dev *dev);

/* Why a device is not preserved, as far as C knows. */
enum pci_liveupdate_fact {
	PCI_LIVEUPDATE_VIRTFN		= 0x01,
	PCI_LIVEUPDATE_PROXIED		= 0x02,
	PCI_LIVEUPDATE_GROUP_SHARED	= 0x04,
	/* These can change meanwhile. */
	PCI_LIVEUPDATE_VFS_ENABLED	= 0x10,
	PCI_LIVEUPDATE_JUMPING		= 0x20,
	PCI_LIVEUPDATE_SLEEPING		= 0x40,
};

/* From Rust to helpers.c. */
struct pci_liveupdate_core;

struct pci_liveupdate_core *pci_liveupdate_core(void);
void pci_liveupdate_set_core(struct pci_liveupdate_core *core);
int pci_liveupdate_domain(struct pci_dev *dev);
unsigned int pci_liveupdate_nr_functions(void);
u64 pci_liveupdate_clock(void);
bool pci_liveupdate_jumping(void);
unsigned int pci_liveupdate_facts(struct pci_dev *dev);
unsigned int pci_liveupdate_late_facts(struct pci_dev *dev);
bool pci_liveupdate_handing_over(void);
bool pci_liveupdate_going_down(void);
bool pci_liveupdate_dma_survives(struct pci_dev *dev);
bool pci_liveupdate_ats_enabled(struct pci_dev *dev);
bool pci_liveupdate_trylock_rescan(void);
void pci_liveupdate_unlock_rescan(void);
void pci_liveupdate_read_lock_buses(void);
void pci_liveupdate_read_unlock_buses(void);
bool pci_liveupdate_trylock_device(struct pci_dev *dev);
void pci_liveupdate_lock_device(struct pci_dev *dev);
void pci_liveupdate_unlock_device(struct pci_dev *dev);
int pci_liveupdate_quirk_acs_ctrl(struct pci_dev *dev);
bool pci_liveupdate_is_overridden(struct pci_dev *dev);
bool pci_liveupdate_has_driver(struct pci_dev *dev);
bool pci_liveupdate_has_liveupdate_driver(struct pci_dev *dev);
struct pci_dev *pci_liveupdate_next_bridge(struct pci_bus *bus,
					   struct pci_dev *last);
void pci_liveupdate_set_ari(struct pci_dev *bridge, bool on);

/* From Rust to formats.c. */
const char *pci_liveupdate_formats(bool array, bool blocks);
#else
static inline void pci_liveupdate_setup_device(struct pci_dev *dev) { }
static inline void pci_liveupdate_cleanup_device(struct pci_dev *dev) { }
static inline void pci_liveupdate_freeze_device(struct pci_dev *dev) { }

static inline bool pci_liveupdate_forbid_ats(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_liveupdate_is_live(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_liveupdate_keep_master(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_liveupdate_keep_dma(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_liveupdate_keep_intx(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_liveupdate_may_reset(struct pci_dev *dev)
{
	return true;
}

static inline bool pci_liveupdate_may_reset_bus(struct pci_dev *dev)
{
	return true;
}

static inline bool pci_liveupdate_may_reset_below(struct pci_dev *bridge)
{
	return true;
}

static inline int pci_liveupdate_scan_bridge(struct pci_dev *bridge, u8 primary,
					     u8 secondary, u8 subordinate,
					     int pass)
{
	return 0;
}

static inline int pci_liveupdate_begin_vfs(struct pci_dev *dev, int nr)
{
	return 0;
}

static inline void pci_liveupdate_end_vfs(struct pci_dev *dev) { }
static inline void pci_liveupdate_init_acs(struct pci_dev *dev) { }

static inline bool pci_liveupdate_keep_acs(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_liveupdate_keep_ari(struct pci_dev *dev)
{
	return false;
}

static inline bool pci_liveupdate_driver_match(struct pci_dev *dev,
					       const struct pci_driver *drv)
{
	return true;
}
#endif

#endif /* DRIVERS_PCI_LIVEUPDATE_H */
