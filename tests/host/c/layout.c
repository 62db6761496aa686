// SPDX-License-Identifier: GPL-2.0
/* Prints the layout of a handover as a C compiler sees it, a line per fact. */
#include <stddef.h>
#include <stdio.h>

#include <linux/kho/abi/pci.h>

#define SIZE(type) printf(#type " size %zu\n", sizeof(struct type))
#define FIELD(type, field)						\
	printf(#type "." #field " offset %zu size %zu\n",		\
	       offsetof(struct type, field), sizeof(((struct type *)0)->field))

int main(void)
{
	printf("compatible %s\n", PCI_LUO_FLB_COMPATIBLE);
	SIZE(pci_dev_ser);
	FIELD(pci_dev_ser, domain);
	FIELD(pci_dev_ser, bdf);
	FIELD(pci_dev_ser, refcount);
	SIZE(pci_ser);
	FIELD(pci_ser, max_nr_devices);
	FIELD(pci_ser, nr_devices);
	printf("pci_ser.devices offset %zu stride %zu\n",
	       offsetof(struct pci_ser, devices), sizeof(((struct pci_ser *)0)->devices[0]));
	return 0;
}
