/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The C that the tests in Rust cannot do without: KUnit's static stubs, a
 * structure that is private to drivers/pci, and KHO's own reader of blocks.
 */
#ifndef PCI_LIVEUPDATE_TESTS_KUNIT_HELPERS_H
#define PCI_LIVEUPDATE_TESTS_KUNIT_HELPERS_H

#include <linux/types.h>

struct pci_dev;
struct pci_liveupdate_core;

int pci_liveupdate_test_redirect(struct pci_liveupdate_core *core);
void pci_liveupdate_test_restore(void);
int pci_liveupdate_test_enable_vfs(struct pci_dev *dev, u16 nr);
void pci_liveupdate_test_hand_over(u64 phys);
int pci_liveupdate_test_page_count(u64 phys);
void pci_liveupdate_test_skip(const char *why);
int pci_liveupdate_test_allow_faults(bool allow);
void pci_liveupdate_test_fail_nth(unsigned int nth, bool rest);
unsigned int pci_liveupdate_test_fail_left(void);
long pci_liveupdate_test_restore_blocks(u64 phys, u64 *counts);

#endif /* PCI_LIVEUPDATE_TESTS_KUNIT_HELPERS_H */
