// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel states about the handovers that it can take. In modinfo it is
 * for tools that look at the kernel before it boots: modules.builtin.modinfo has
 * it, and on x86 the image, see Documentation/arch/x86/boot.rst.
 */

#include <linux/kho/abi/kexec_handover.h>
#include <linux/kho/abi/luo.h>
#include <linux/moduleparam.h>
#include "../../pci.h"
#include "formats.h"

MODULE_INFO(liveupdate_pci_writes, PCI_LIVEUPDATE_WRITES);
MODULE_INFO(liveupdate_pci_reads, PCI_LIVEUPDATE_READS);

/* For debugfs: the same, and the formats that the handover itself is in. */
const char *pci_liveupdate_formats(void)
{
	return "kho " KHO_FDT_COMPATIBLE "\n"
	       "luo " LUO_ABI_COMPATIBLE "\n"
	       "writes " PCI_LIVEUPDATE_WRITES "\n"
	       "reads " PCI_LIVEUPDATE_READS "\n";
}
