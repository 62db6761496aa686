// SPDX-License-Identifier: GPL-2.0
/*
 * Devices and buses that are nothing but their structures, wired by hand: the
 * core looks at few fields of them, and there can be more than in any machine.
 */

#include <linux/bitfield.h>
#include <linux/kho/abi/pci.h>
#include <linux/mm.h>
#include "bench.h"

/* The one that most machines have: a look-up takes longer in higher ones. */
#define BENCH_DOMAIN 0

/* 31 slots of 8 functions, as behind a conventional bridge in QEMU. */
#define PER_BUS 248

/* Bridges have their bus numbers, and nothing else has anything. */
static int read_buses(struct pci_bus *bus, unsigned int devfn, int where,
		      int size, u32 *value)
{
	struct pci_dev *bridge;

	*value = 0;
	if (where != PCI_PRIMARY_BUS)
		return PCIBIOS_SUCCESSFUL;
	list_for_each_entry(bridge, &bus->devices, bus_list)
		if (bridge->devfn == devfn)
			*value = FIELD_PREP(PCI_PRIMARY_BUS_MASK, bus->number) |
				 FIELD_PREP(PCI_SECONDARY_BUS_MASK,
					    bridge->subordinate->number) |
				 FIELD_PREP(PCI_SUBORDINATE_BUS_MASK,
					    bridge->subordinate->busn_res.end);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops bus_numbers = {
	.read = read_buses,
};

/* Bus @nr leads to the buses up to @last. */
static void init_bus(struct bench_tree *tree, unsigned int nr,
		     unsigned int last, struct pci_dev *bridge)
{
	struct pci_bus *bus = &tree->buses[nr];

	bus->number = nr;
	bus->sysdata = &tree->sysdata;
	bus->ops = &bus_numbers;
	bus->busn_res.start = nr;
	bus->busn_res.end = last;
	INIT_LIST_HEAD(&bus->devices);
	if (!bridge)
		return;
	list_add_tail(&bridge->bus_list, &bridge->bus->devices);
	bus->self = bridge;
	bus->parent = bridge->bus;
	bridge->subordinate = bus;
	bridge->hdr_type = PCI_HEADER_TYPE_BRIDGE;
}

static struct pci_dev *init_dev(struct bench_tree *tree, unsigned int nr,
				struct pci_bus *bus, u8 devfn)
{
	struct pci_dev *dev = &tree->devs[nr];

	dev->bus = bus;
	dev->devfn = devfn;
	dev->dev.init_name = "bench";
	return dev;
}

static void init_entry(struct bench_tree *tree, unsigned int nr,
		       unsigned int refcount)
{
	tree->entries[nr].domain = BENCH_DOMAIN;
	tree->entries[nr].bdf = pci_dev_id(&tree->devs[nr]);
	tree->entries[nr].refcount = refcount;
}

/* A chain of bridges from the root bus down. Returns the bus below the last. */
static struct pci_bus *init_chain(struct bench_tree *tree, unsigned int chain,
				  unsigned int length, unsigned int refcount)
{
	struct pci_bus *bus = &tree->buses[0];
	struct pci_dev *bridge;
	unsigned int i, nr;

	for (i = 0; i < length; i++) {
		nr = chain * length + i;
		bridge = init_dev(tree, nr, bus, i ? 0 : chain);
		init_bus(tree, nr + 1, (chain + 1) * length, bridge);
		init_entry(tree, nr, refcount);
		bus = bridge->subordinate;
	}
	return bus;
}

static void init_tree(struct bench_tree *tree, unsigned int length)
{
	struct pci_bus *bus = NULL;
	unsigned int i, nr;

	tree->sysdata.domain = BENCH_DOMAIN;
	init_bus(tree, 0, 0xff, NULL);
	for (i = 0; i < tree->nr_devices; i++) {
		if (i % PER_BUS == 0)
			bus = init_chain(tree, i / PER_BUS, length,
					 min(tree->nr_devices - i, PER_BUS));
		nr = tree->nr_bridges + i;
		init_dev(tree, nr, bus, i % PER_BUS);
		init_entry(tree, nr, 1);
	}
	init_dev(tree, bench_tree_entries(tree), &tree->buses[0], 0xff);
}

/* A path is as long as it has functions: the device and the bridges above. */
int bench_tree_create(struct bench_tree *tree, unsigned int nr_devices,
		      unsigned int path_length)
{
	unsigned int length = path_length - 1;

	memset(tree, 0, sizeof(*tree));
	tree->nr_devices = nr_devices;
	tree->nr_bridges = DIV_ROUND_UP(nr_devices, PER_BUS) * length;
	tree->buses = kvcalloc(tree->nr_bridges + 1, sizeof(*tree->buses),
			       GFP_KERNEL);
	tree->devs = kvcalloc(bench_tree_entries(tree) + 1,
			      sizeof(*tree->devs), GFP_KERNEL);
	tree->entries = kvcalloc(bench_tree_entries(tree),
				 sizeof(*tree->entries), GFP_KERNEL);
	if (!tree->buses || !tree->devs || !tree->entries) {
		bench_tree_destroy(tree);
		return -ENOMEM;
	}
	init_tree(tree, length);
	return 0;
}

void bench_tree_destroy(struct bench_tree *tree)
{
	kvfree(tree->entries);
	kvfree(tree->devs);
	kvfree(tree->buses);
}
