/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many instructions an operation of the core takes.
 *
 * Under `-icount shift=0` the time stamp counter counts instructions, so that a
 * difference of it is exact and the same in each run.
 *
 *	bench.c		measures, keeps the least of several passes, shows the results
 *	operations.c	the calls of drivers and of the PCI core, on devices of tree.c
 *	scan.c		whole enumerations, of hardware that is in memory only
 *	mod.rs		sets the core up for each of them
 */
#ifndef _PCI_LIVEUPDATE_BENCH_H
#define _PCI_LIVEUPDATE_BENCH_H

#include <linux/irqflags.h>
#include <linux/pci.h>
#include <linux/types.h>

struct pci_dev_ser;

/* Passes over the same work: the first counts log lines, the others instructions. */
#define BENCH_PASSES 4

/**
 * struct bench - What calls of one kind take.
 * @best:	The instructions of all calls in the best pass.
 * @now:	The instructions of all calls in this pass.
 * @calls:	The number of calls in a pass.
 * @lines:	The number of log lines that all calls of a pass print.
 */
struct bench {
	u64 best;
	u64 now;
	unsigned int calls;
	unsigned int lines;
};

/* The lower half, without an instruction to put it together with the other. */
static __always_inline u32 bench_count(void)
{
	u32 low;

	asm volatile("rdtsc" : "=a" (low) : : "rdx", "memory");
	return low;
}

/* Some code enables interrupts again. Their priority keeps them away even then. */
static __always_inline unsigned long bench_set_priority(unsigned long priority)
{
	unsigned long before;

	asm volatile("mov %%cr8, %0" : "=r" (before));
	asm volatile("mov %0, %%cr8" : : "r" (priority) : "memory");
	return before;
}

#define BENCH_NO_INTERRUPTS 0xf

/* Measure one call; nothing else runs meanwhile. */
#define bench_call(bench, call) do {					\
	unsigned long __flags, __priority;				\
	u32 __start, __end;						\
	u64 __seq;							\
									\
	__priority = bench_set_priority(BENCH_NO_INTERRUPTS);		\
	local_irq_save(__flags);					\
	__seq = bench_lines_so_far();					\
	__start = bench_count();					\
	call;								\
	__end = bench_count();						\
	bench_add(bench, __end - __start,				\
		  bench_lines_so_far() - __seq);			\
	local_irq_restore(__flags);					\
	bench_set_priority(__priority);					\
} while (0)

/* bench.c */
u64 bench_lines_so_far(void);
u64 bench_line_cost(struct device *dev);
void bench_add(struct bench *bench, u32 instructions, u64 lines);
void bench_begin(unsigned int pass);
void bench_end(struct bench *bench, unsigned int pass);
void bench_report(const char *name, u64 value, unsigned int calls,
		  unsigned int lines);
void bench_report_calls(const char *name, const struct bench *bench,
			u64 line_cost);

/* operations.c and scan.c: 0, or a negative errno that fails the bench. */
int bench_operations(void);
int bench_scans(void);

/**
 * struct bench_tree - Devices that are nothing but their structures.
 * @sysdata:	Their PCI domain.
 * @buses:	The root bus first.
 * @devs:	The bridges, then the devices to preserve, then one more.
 * @entries:	What a previous kernel hands over for bridges and devices.
 * @nr_bridges:	The number of bridges.
 * @nr_devices:	The number of devices to preserve.
 */
struct bench_tree {
	struct pci_sysdata sysdata;
	struct pci_bus *buses;
	struct pci_dev *devs;
	struct pci_dev_ser *entries;
	unsigned int nr_bridges;
	unsigned int nr_devices;
};

/* tree.c */
int bench_tree_create(struct bench_tree *tree, unsigned int nr_devices,
		      unsigned int path_length);
void bench_tree_destroy(struct bench_tree *tree);

static inline unsigned int bench_tree_entries(const struct bench_tree *tree)
{
	return tree->nr_bridges + tree->nr_devices;
}

/*
 * mod.rs: what the core knows. An empty array with room for so many functions,
 * replacing the one that is there, returns how many bytes are preserved for it.
 * Entries are taken as if a previous kernel had handed them over.
 */
long pci_liveupdate_bench_outgoing(unsigned int nr_devices);
int pci_liveupdate_bench_incoming(const struct pci_dev_ser *entries,
				  unsigned int nr);
void pci_liveupdate_bench_clear(void);

#endif /* _PCI_LIVEUPDATE_BENCH_H */
