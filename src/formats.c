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
#define STATEMENT(writes, reads)				\
	"kho " KHO_FDT_COMPATIBLE "\n"				\
	"luo " LUO_ABI_COMPATIBLE "\n"				\
	"writes " writes " " PCI_IDENTITY_FLB_COMPATIBLE "\n"	\
	"reads " reads " " PCI_IDENTITY_FLB_COMPATIBLE "\n"

/* Those of the list that pci_liveupdate.formats= has left. */
const char *pci_liveupdate_formats(bool array, bool blocks)
{
	if (!blocks)
		return STATEMENT(PCI_LIVEUPDATE_WRITES_ARRAY,
				 PCI_LIVEUPDATE_READS_ARRAY);
	if (!array)
		return STATEMENT(PCI_LIVEUPDATE_WRITES_BLOCKS,
				 PCI_LIVEUPDATE_READS_BLOCKS);
	return STATEMENT(PCI_LIVEUPDATE_WRITES_ARRAY " " PCI_LIVEUPDATE_WRITES_BLOCKS,
			 PCI_LIVEUPDATE_READS_ARRAY " " PCI_LIVEUPDATE_READS_BLOCKS);
}
