/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The C that the tests in Rust cannot do without: KUnit's static stubs, and a
 * structure that is private to drivers/pci.
 */
#ifndef PCI_LIVEUPDATE_TESTS_KUNIT_HELPERS_H
#define PCI_LIVEUPDATE_TESTS_KUNIT_HELPERS_H

#include <linux/types.h>

struct pci_dev;
struct pci_liveupdate_core;

int pci_liveupdate_test_redirect(struct pci_liveupdate_core *core);
void pci_liveupdate_test_restore(void);
int pci_liveupdate_test_enable_vfs(struct pci_dev *dev, u16 nr);

#endif /* PCI_LIVEUPDATE_TESTS_KUNIT_HELPERS_H */
