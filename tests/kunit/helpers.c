// SPDX-License-Identifier: GPL-2.0
/*
 * Each of these is called in the task of a test.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <kunit/test-bug.h>
#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kho_block.h>
#include <linux/kho/abi/pci.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include "../../../pci.h"
#include "helpers.h"

static struct pci_liveupdate_core *core_of_test(void)
{
	return kunit_get_current_test()->priv;
}

/*
 * Have the hooks of the PCI core work on the core of the test, as far as they
 * run in the task of the test. KUnit undoes it at the latest when the test ends.
 */
int pci_liveupdate_test_redirect(struct pci_liveupdate_core *core)
{
	struct kunit *test = kunit_get_current_test();

	if (!test)
		return -EINVAL;
	if (test->priv)
		return -EBUSY;

	test->priv = core;
	kunit_activate_static_stub(test, pci_liveupdate_core, core_of_test);
	return 0;
}

void pci_liveupdate_test_restore(void)
{
	struct kunit *test = kunit_get_current_test();

	kunit_deactivate_static_stub(test, pci_liveupdate_core);
	test->priv = NULL;
}

/*
 * Make a Physical Function that has @nr Virtual Functions enabled. The memory
 * for it is freed when the test ends.
 */
int pci_liveupdate_test_enable_vfs(struct pci_dev *dev, u16 nr)
{
	struct kunit *test = kunit_get_current_test();
	struct pci_sriov *sriov;

	if (!test)
		return -EINVAL;

	sriov = kunit_kzalloc(test, sizeof(*sriov), GFP_KERNEL);
	if (!sriov)
		return -ENOMEM;

	sriov->num_VFs = nr;
	dev->sriov = sriov;
	dev->is_physfn = 1;
	return 0;
}

/* What KHO writes into the first page of what was preserved. */
#define KHO_PAGE_MAGIC	0x4b484f50UL

/*
 * Make memory of the test memory that the previous kernel preserved, which
 * belongs to nobody until it is restored.
 */
void pci_liveupdate_test_hand_over(u64 phys)
{
	struct folio *folio = virt_to_folio(phys_to_virt(phys));
	struct page *page = folio_page(folio, 0);

	adjust_managed_page_count(page, -folio_nr_pages(folio));
	page->private = KHO_PAGE_MAGIC << 32 | folio_order(folio);
}

/*
 * Read and free a list of blocks as a C kernel does. Returns how many entries
 * it has, with the sum of their counts in @counts.
 */
long pci_liveupdate_test_restore_blocks(u64 phys, u64 *counts)
{
	struct kho_block_set_it it;
	struct kho_block_set blocks;
	struct pci_dev_ser *dev;
	long nr = 0;
	int err;

	kho_block_set_init(&blocks, sizeof(*dev));
	err = kho_block_set_restore(&blocks, phys);
	if (err)
		return err;

	*counts = 0;
	kho_block_set_it_init(&it, &blocks);
	while ((dev = kho_block_set_it_read_entry(&it))) {
		*counts += dev->refcount;
		nr++;
	}
	kho_block_set_destroy(&blocks);
	return nr;
}

/* How many references there are to a page. */
int pci_liveupdate_test_page_count(u64 phys)
{
	return page_count(pfn_to_page(PHYS_PFN(phys)));
}

/* End the test, which needs what this kernel does not have. Nothing is dropped. */
void pci_liveupdate_test_skip(const char *why)
{
	kunit_skip(kunit_get_current_test(), "%s", why);
}

#ifdef CONFIG_FAULT_INJECTION_DEBUG_FS
/* What a file in debugfs is about: there is no other way to fault injection. */
static void *debugfs_value(const char *dir, const char *name)
{
	struct dentry *parent = debugfs_lookup(dir, NULL);
	struct dentry *file = parent ? debugfs_lookup(name, parent) : NULL;
	void *value = file ? d_inode(file)->i_private : NULL;

	dput(file);
	dput(parent);
	return value;
}

static int allow_faults(const char *dir, bool allow)
{
	unsigned long *probability = debugfs_value(dir, "probability");
	unsigned long *verbose = debugfs_value(dir, "verbose");
	bool *ignore_wait = debugfs_value(dir, "ignore-gfp-wait");
	bool *task_filter = debugfs_value(dir, "task-filter");
	atomic_t *times = debugfs_value(dir, "times");

	if (!probability || !verbose || !ignore_wait || !task_filter || !times)
		return -ENOENT;

	*ignore_wait = !allow;
	*verbose = allow ? 0 : 2;
	atomic_set(times, allow ? -1 : 1);
	/* Of other tasks, none fails. */
	*task_filter = true;
	*probability = allow ? 100 : 0;
	return 0;
}

/*
 * Let every allocation fail that a task asks to, or only those that it can do
 * without, as is the default.
 */
int pci_liveupdate_test_allow_faults(bool allow)
{
	u32 *min_order = debugfs_value("fail_page_alloc", "min-order");
	int err;

	if (!min_order)
		return -ENOENT;

	*min_order = !allow;
	err = allow_faults("failslab", allow);
	return err ?: allow_faults("fail_page_alloc", allow);
}

/*
 * Have the Nth allocation of the current task fail, counted from now on, and
 * maybe all after it. 0: none fails.
 */
void pci_liveupdate_test_fail_nth(unsigned int nth, bool rest)
{
	WRITE_ONCE(current->fail_nth, nth);
	current->make_it_fail = rest;
}

/* 0: it has failed. */
unsigned int pci_liveupdate_test_fail_left(void)
{
	return READ_ONCE(current->fail_nth);
}
#endif
