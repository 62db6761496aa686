// SPDX-License-Identifier: GPL-2.0
/*
 * The C that the Rust core cannot do without: exports, initcalls, the kernel
 * parameters, static inlines, macros that walk lists, and KUnit's static stubs.
 */

#include <kunit/static_stub.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/iommu.h>
#include <linux/kexec.h>
#include <linux/list.h>
#include <linux/pci.h>
#include <linux/reboot.h>
#include <linux/sched/clock.h>
#include <linux/suspend.h>
#include "../../pci.h"

EXPORT_SYMBOL_GPL(pci_liveupdate_register_flb);
EXPORT_SYMBOL_GPL(pci_liveupdate_unregister_flb);
EXPORT_SYMBOL_GPL(pci_liveupdate_preserve);
EXPORT_SYMBOL_GPL(pci_liveupdate_unpreserve);
EXPORT_SYMBOL_GPL(pci_liveupdate_finish);
EXPORT_SYMBOL_GPL(pci_liveupdate_is_incoming);

early_param("pci_liveupdate", pci_liveupdate_set_policy);
early_param("pci_liveupdate.formats", pci_liveupdate_set_formats);

/* Before the first PCI device is enumerated, which is at subsys_initcall. */
core_initcall(pci_liveupdate_init);

/* When host bridges that are there at boot have been scanned. */
late_initcall_sync(pci_liveupdate_late_init);

static int pci_liveupdate_pm_notify(struct notifier_block *nb,
				    unsigned long event, void *data)
{
	switch (event) {
	case PM_SUSPEND_PREPARE:
		return notifier_from_errno(pci_liveupdate_prepare_sleep(false));
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		return notifier_from_errno(pci_liveupdate_prepare_sleep(true));
	case PM_POST_SUSPEND:
		pci_liveupdate_end_sleep(false);
		break;
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		pci_liveupdate_end_sleep(true);
		break;
	}
	return NOTIFY_DONE;
}

static int __init pci_liveupdate_register_pm(void)
{
	/* First, so that nobody has prepared anything when it is refused. */
	pm_notifier(pci_liveupdate_pm_notify, INT_MAX);
	return 0;
}
core_initcall(pci_liveupdate_register_pm);

static int pci_liveupdate_reboot(struct notifier_block *nb,
				 unsigned long action, void *data)
{
	struct pci_dev *dev = NULL;

	if (!kexec_in_progress)
		return NOTIFY_DONE;
	for_each_pci_dev(dev)
		pci_liveupdate_leave_device(dev);
	return NOTIFY_DONE;
}

static struct notifier_block pci_liveupdate_reboot_nb = {
	.notifier_call = pci_liveupdate_reboot,
};

/* kernel_restart_prepare() calls it before device_shutdown(). */
static int __init pci_liveupdate_register_reboot(void)
{
	return register_reboot_notifier(&pci_liveupdate_reboot_nb);
}
core_initcall(pci_liveupdate_register_reboot);

static struct pci_liveupdate_core *machine __ro_after_init;

/* NULL before core_initcall. */
struct pci_liveupdate_core *pci_liveupdate_core(void)
{
	KUNIT_STATIC_STUB_REDIRECT(pci_liveupdate_core);
	return machine;
}

void pci_liveupdate_set_core(struct pci_liveupdate_core *core)
{
	machine = core;
}

int pci_liveupdate_domain(struct pci_dev *dev)
{
	return pci_domain_nr(dev->bus);
}

unsigned int pci_liveupdate_nr_functions(void)
{
	struct pci_dev *dev = NULL;
	unsigned int nr = 0;

	for_each_pci_dev(dev)
		nr++;
	return nr;
}

u64 pci_liveupdate_clock(void)
{
	return local_clock();
}

bool pci_liveupdate_jumping(void)
{
	return kexec_in_progress;
}

/* Only an image that was loaded with kexec_file_load(2) gets the handover. */
bool pci_liveupdate_handing_over(void)
{
	return kexec_in_progress && kexec_image && kexec_image->kho.fdt;
}

/* Not by kexec. */
bool pci_liveupdate_going_down(void)
{
	return system_state > SYSTEM_RUNNING && !kexec_in_progress;
}

bool pci_liveupdate_dma_survives(struct pci_dev *dev)
{
	return iommu_dma_survives_kexec(&dev->dev);
}

/* For pci_ats_init(), before which nothing in @dev says where ATS is. */
bool pci_liveupdate_ats_enabled(struct pci_dev *dev)
{
	int pos = pci_find_ext_capability(dev, PCI_EXT_CAP_ID_ATS);
	u16 ctrl;

	if (!pos || pci_read_config_word(dev, pos + PCI_ATS_CTRL, &ctrl))
		return false;
	return ctrl & PCI_ATS_CTRL_ENABLE;
}

bool pci_liveupdate_trylock_rescan(void)
{
	return mutex_trylock(&pci_rescan_remove_lock);
}

void pci_liveupdate_unlock_rescan(void)
{
	pci_unlock_rescan_remove();
}

void pci_liveupdate_read_lock_buses(void)
{
	down_read(&pci_bus_sem);
}

void pci_liveupdate_read_unlock_buses(void)
{
	up_read(&pci_bus_sem);
}

bool pci_liveupdate_trylock_device(struct pci_dev *dev)
{
	return device_trylock(&dev->dev);
}

void pci_liveupdate_lock_device(struct pci_dev *dev)
{
	device_lock(&dev->dev);
}

void pci_liveupdate_unlock_device(struct pci_dev *dev)
{
	device_unlock(&dev->dev);
}

int pci_liveupdate_quirk_acs_ctrl(struct pci_dev *dev)
{
	return pci_dev_specific_acs_ctrl(dev);
}

bool pci_liveupdate_is_overridden(struct pci_dev *dev)
{
	return device_has_driver_override(&dev->dev);
}

/*
 * As the driver core sees it: devres undoes what a driver did after remove(),
 * when the PCI core has forgotten the driver.
 */
bool pci_liveupdate_has_driver(struct pci_dev *dev)
{
	return READ_ONCE(dev->dev.driver);
}

bool pci_liveupdate_has_liveupdate_driver(struct pci_dev *dev)
{
	struct pci_driver *drv;

	/* free_module() waits for readers. */
	guard(rcu)();
	drv = READ_ONCE(dev->driver);
	return drv && drv->liveupdate;
}

struct pci_dev *pci_liveupdate_next_bridge(struct pci_bus *bus,
					   struct pci_dev *last)
{
	struct pci_dev *dev = list_prepare_entry(last, &bus->devices, bus_list);

	list_for_each_entry_continue(dev, &bus->devices, bus_list)
		if (pci_is_bridge(dev))
			return dev;
	return NULL;
}

/* A bitfield, which is not to be written by anything but C. */
void pci_liveupdate_set_ari(struct pci_dev *bridge, bool on)
{
	bridge->ari_enabled = on;
}

static int is_elsewhere(struct device *other, void *data)
{
	struct pci_dev *dev = data;

	for (; dev; dev = pci_upstream_bridge(dev))
		if (other == &dev->dev)
			return 0;
	return 1;
}

static bool is_group_shared(struct pci_dev *dev)
{
	struct iommu_group *group = iommu_group_get(&dev->dev);
	bool shared;

	if (!group)
		return false;
	shared = iommu_group_for_each_dev(group, dev, is_elsewhere);
	iommu_group_put(group);
	return shared;
}

unsigned int pci_liveupdate_late_facts(struct pci_dev *dev)
{
	unsigned int facts = 0;

	/* Bits beside it may change, it does not. */
	if (data_race(!!dev->is_physfn) && pci_num_vf(dev))
		facts |= PCI_LIVEUPDATE_VFS_ENABLED;
	if (kexec_in_progress)
		facts |= PCI_LIVEUPDATE_JUMPING;
	/* Locked by suspend, hibernation and reboot(2), kexec jump included. */
	if (mutex_is_locked(&system_transition_mutex))
		facts |= PCI_LIVEUPDATE_SLEEPING;
	return facts;
}

unsigned int pci_liveupdate_facts(struct pci_dev *dev)
{
	unsigned int facts = pci_liveupdate_late_facts(dev);

	/* As above. */
	if (data_race(!!dev->is_virtfn))
		facts |= PCI_LIVEUPDATE_VIRTFN;
	/* Behind VMD, requests come from a device that is not above them. */
	if (pci_real_dma_dev(dev) != dev)
		facts |= PCI_LIVEUPDATE_PROXIED;
	if (is_group_shared(dev))
		facts |= PCI_LIVEUPDATE_GROUP_SHARED;
	return facts;
}
