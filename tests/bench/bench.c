// SPDX-License-Identifier: GPL-2.0
/*
 * Measures at boot, when nothing from outside of the machine has happened yet,
 * and shows the results in debugfs: in each line a name, a value, the number of
 * calls that it is the sum of, and the number of log lines that they print.
 *
 * Log lines cost more than what they tell of. They are counted in a pass of
 * their own; in the others they are suppressed, and what still is spent on them
 * is taken off.
 */

#include <linux/debugfs.h>
#include <linux/dev_printk.h>
#include <linux/init.h>
#include <linux/kmsg_dump.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include "bench.h"

static char bench_text[SZ_32K];
static struct debugfs_blob_wrapper bench_blob = { .data = bench_text };
static u32 bench_nothing;

u64 bench_lines_so_far(void)
{
	struct kmsg_dump_iter iter;

	kmsg_dump_rewind(&iter);
	return iter.next_seq;
}

/* A line that is suppressed: its text does not matter. */
u64 bench_line_cost(struct device *dev)
{
	struct bench line = {};

	bench_begin(1);
	bench_call(&line, _dev_printk(KERN_INFO, dev, "line\n"));
	bench_end(&line, 1);
	return line.best;
}

void bench_add(struct bench *bench, u32 instructions, u64 lines)
{
	if (suppress_printk) {
		bench->now += instructions - bench_nothing;
	} else {
		bench->calls++;
		bench->lines += lines;
	}
}

void bench_begin(unsigned int pass)
{
	suppress_printk = pass > 0;
}

void bench_end(struct bench *bench, unsigned int pass)
{
	suppress_printk = 0;
	if (pass == 1 || (pass > 1 && bench->now < bench->best))
		bench->best = bench->now;
	bench->now = 0;
}

void bench_report(const char *name, u64 value, unsigned int calls,
		  unsigned int lines)
{
	bench_blob.size += scnprintf(bench_text + bench_blob.size,
				     sizeof(bench_text) - bench_blob.size,
				     "%s %llu %u %u\n", name, value, calls,
				     lines);
}

void bench_report_calls(const char *name, const struct bench *bench,
			u64 line_cost)
{
	bench_report(name, bench->best - bench->lines * line_cost,
		     bench->calls, bench->lines);
}

/* What is measured when nothing is called. */
static void __init bench_calibrate(void)
{
	struct bench nothing = {};

	bench_begin(1);
	bench_call(&nothing, barrier());
	bench_end(&nothing, 1);
	bench_nothing = nothing.best;
}

static int __init bench_run(void)
{
	int console = console_loglevel;
	int ret;

	/* The lines go to the log, but only emergencies to a serial port. */
	console_loglevel = CONSOLE_LOGLEVEL_MIN;
	bench_calibrate();
	ret = bench_operations();
	if (!ret)
		ret = bench_scans();
	pr_flush(10000, true);
	console_loglevel = console;

	if (ret)
		pr_err("pci_liveupdate: the bench failed: %d\n", ret);
	else
		debugfs_create_blob("pci_liveupdate_bench", 0400, NULL,
				    &bench_blob);
	return ret;
}
late_initcall_sync(bench_run);
