// SPDX-License-Identifier: GPL-2.0
/*
 * Each of these is called in the task of a test.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <kunit/test-bug.h>
#include <linux/errno.h>
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
