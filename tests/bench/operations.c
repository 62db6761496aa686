// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of drivers and of the PCI core, each on every device of a tree.
 *
 * In order, all devices are preserved one after the other, and given back in the
 * same order. In churn, all are preserved, and each is given back and preserved
 * again.
 */

#include <linux/kho/abi/pci.h>
#include <linux/pci_liveupdate.h>
#include "../../../pci.h"
#include "bench.h"

/* How often a call is made that is always made of the same device. */
#define REPEAT 64

enum operation {
	PRESERVE,
	UNPRESERVE,
	CHURN_PRESERVE,
	CHURN_UNPRESERVE,
	RETRIEVE,
	ARRIVE,
	ARRIVE_OTHER,
	IS_INCOMING,
	FINISH,
	NR_OPERATIONS
};

static const char *const names[NR_OPERATIONS] = {
	[PRESERVE] = "preserve",
	[UNPRESERVE] = "unpreserve",
	[CHURN_PRESERVE] = "churn-preserve",
	[CHURN_UNPRESERVE] = "churn-unpreserve",
	[RETRIEVE] = "retrieve",
	[ARRIVE] = "arrive",
	[ARRIVE_OTHER] = "arrive-other",
	[IS_INCOMING] = "is-incoming",
	[FINISH] = "finish",
};

static int preserve(struct bench *bench, struct pci_dev *dev)
{
	int ret;

	bench_call(bench, ret = pci_liveupdate_preserve(dev));
	return ret;
}

static int go_out(struct bench_tree *tree, struct bench *of)
{
	struct pci_dev *devs = tree->devs + tree->nr_bridges;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < tree->nr_devices; i++)
		ret = preserve(&of[PRESERVE], &devs[i]);
	for (i = 0; !ret && i < tree->nr_devices; i++) {
		bench_call(&of[CHURN_UNPRESERVE],
			   pci_liveupdate_unpreserve(&devs[i]));
		ret = preserve(&of[CHURN_PRESERVE], &devs[i]);
	}
	for (i = 0; !ret && i < tree->nr_devices; i++)
		bench_call(&of[UNPRESERVE],
			   pci_liveupdate_unpreserve(&devs[i]));
	return ret;
}

static unsigned int nr_incoming(struct bench_tree *tree)
{
	unsigned int i, nr = 0;

	for (i = 0; i <= bench_tree_entries(tree); i++)
		nr += pci_liveupdate_is_incoming(&tree->devs[i]);
	return nr;
}

static int come_in(struct bench_tree *tree, struct bench *of)
{
	struct pci_dev *devs = tree->devs + tree->nr_bridges;
	unsigned int i, nr = bench_tree_entries(tree);
	struct pci_dev *other = &tree->devs[nr];
	int ret;

	bench_call(&of[RETRIEVE],
		   ret = pci_liveupdate_bench_incoming(tree->entries, nr));
	if (ret)
		return ret;
	for (i = 0; i < tree->nr_bridges; i++)
		pci_liveupdate_setup_device(&tree->devs[i]);
	for (i = 0; i < tree->nr_devices; i++)
		bench_call(&of[ARRIVE], pci_liveupdate_setup_device(&devs[i]));
	for (i = 0; i < REPEAT; i++)
		bench_call(&of[ARRIVE_OTHER],
			   pci_liveupdate_setup_device(other));
	for (i = 0; i < tree->nr_devices; i++)
		bench_call(&of[IS_INCOMING],
			   pci_liveupdate_is_incoming(&devs[i]));
	if (nr_incoming(tree) != nr)
		return -EINVAL;
	for (i = 0; i < tree->nr_devices; i++)
		bench_call(&of[FINISH], pci_liveupdate_finish(&devs[i]));
	return nr_incoming(tree) ? -EINVAL : 0;
}

static int one_pass(struct bench_tree *tree, struct bench *of,
		    unsigned int pass)
{
	unsigned int i;
	long ret;

	ret = pci_liveupdate_bench_outgoing(bench_tree_entries(tree));
	if (ret < 0)
		return ret;
	bench_begin(pass);
	ret = go_out(tree, of);
	pci_liveupdate_bench_clear();
	if (!ret)
		ret = come_in(tree, of);
	pci_liveupdate_bench_clear();
	for (i = 0; i < NR_OPERATIONS; i++)
		bench_end(&of[i], pass);
	return ret;
}

static void report(struct bench_tree *tree, struct bench *of,
		   unsigned int path_length)
{
	u64 line_cost = bench_line_cost(&tree->devs[0].dev);
	char name[40];
	unsigned int i;

	/* What is retrieved is entries, those of the bridges too. */
	of[RETRIEVE].calls = bench_tree_entries(tree);
	for (i = 0; i < NR_OPERATIONS; i++) {
		snprintf(name, sizeof(name), "%s/%u/%u", names[i], path_length,
			 tree->nr_devices);
		bench_report_calls(name, &of[i], line_cost);
	}
}

static int measure(unsigned int nr_devices, unsigned int path_length)
{
	struct bench of[NR_OPERATIONS] = {};
	struct bench_tree tree;
	unsigned int pass;
	int ret;

	ret = bench_tree_create(&tree, nr_devices, path_length);
	for (pass = 0; !ret && pass < BENCH_PASSES; pass++)
		ret = one_pass(&tree, of, pass);
	if (!ret)
		report(&tree, of, path_length);
	bench_tree_destroy(&tree);
	return ret;
}

/* What every boot pays for every device. */
static int measure_nothing(void)
{
	struct bench nothing = {};
	struct bench_tree tree;
	unsigned int i, pass;
	int ret;

	ret = bench_tree_create(&tree, 1, 2);
	if (ret)
		return ret;
	for (pass = 0; pass < BENCH_PASSES; pass++) {
		bench_begin(pass);
		for (i = 0; i < REPEAT; i++)
			bench_call(&nothing,
				   pci_liveupdate_setup_device(tree.devs));
		bench_end(&nothing, pass);
	}
	bench_report_calls("setup-nothing", &nothing,
			   bench_line_cost(&tree.devs[0].dev));
	bench_tree_destroy(&tree);
	return 0;
}

/* What is preserved for so many devices behind as few bridges as can be. */
static int measure_bytes(unsigned int nr_devices)
{
	struct bench_tree tree;
	char name[40];
	long bytes;
	int ret;

	ret = bench_tree_create(&tree, nr_devices, 2);
	if (ret)
		return ret;
	bytes = pci_liveupdate_bench_outgoing(bench_tree_entries(&tree));
	pci_liveupdate_bench_clear();
	bench_tree_destroy(&tree);
	if (bytes < 0)
		return bytes;
	snprintf(name, sizeof(name), "handover-bytes/%u", nr_devices);
	bench_report(name, bytes, 1, 0);
	return 0;
}

int bench_operations(void)
{
	static const unsigned int sizes[] = { 1, 64, 256, 992, 1024, 16384 };
	static const unsigned int lengths[] = { 1, 4, 8 };
	unsigned int i;
	int ret;

	ret = measure_nothing();
	for (i = 0; !ret && i < ARRAY_SIZE(sizes); i++)
		ret = measure(sizes[i], 2);
	for (i = 0; !ret && i < ARRAY_SIZE(lengths); i++)
		ret = measure(64, lengths[i]);
	if (!ret)
		ret = measure_bytes(1);
	return ret ?: measure_bytes(16384);
}
