// SPDX-License-Identifier: GPL-2.0
/*
 * Enumerations of a host bridge that exists in memory only, with root ports and
 * eight functions behind each of them, or as many as there are bus numbers for.
 * The PCI core is the real one with all its hooks.
 */

#include <linux/bitfield.h>
#include <linux/kho/abi/pci.h>
#include <linux/mm.h>
#include <linux/pci_liveupdate.h>
#include <linux/rcupdate.h>
#include <linux/unaligned.h>
#include "bench.h"

/* Not that of the machine, but no longer look-up than there. */
#define SCAN_DOMAIN 1

/* Unassigned, so that no driver and no quirk feels meant. */
#define VENDOR 0xfff0

#define CONFIG_SIZE 512
#define EXPRESS 0x40
#define ACS PCI_CFG_SPACE_SIZE

/* Slot 0 of the root bus, which has no ports. */
#define ROOT_FUNCTIONS 4

struct function {
	u8 config[CONFIG_SIZE];
	u8 writable[CONFIG_SIZE];
};

/* The functions of each bus, by device and function number. */
struct host {
	struct pci_sysdata sysdata;
	struct resource numbers;
	struct function *function[256][256];
	struct function *functions;
	struct pci_dev_ser *entries;
	unsigned int nr_functions;
	unsigned int nr_ports;
	unsigned int per_port;
	unsigned int reads;
	unsigned int writes;
};

/* What scans of a kind take. */
struct scan {
	struct bench bench;
	u64 line_cost;
	unsigned int reads;
	unsigned int writes;
	bool handover;
};

static struct function *find(struct pci_bus *bus, unsigned int devfn)
{
	struct host *host = container_of(bus->sysdata, struct host, sysdata);

	return host->function[bus->number][devfn & 0xff];
}

static int host_read(struct pci_bus *bus, unsigned int devfn, int where,
		     int size, u32 *value)
{
	struct host *host = container_of(bus->sysdata, struct host, sysdata);
	struct function *function = find(bus, devfn);

	host->reads++;
	*value = 0;
	if (!function)
		PCI_SET_ERROR_RESPONSE(value);
	else if (where + size <= CONFIG_SIZE)
		memcpy(value, function->config + where, size);
	return PCIBIOS_SUCCESSFUL;
}

static int host_write(struct pci_bus *bus, unsigned int devfn, int where,
		      int size, u32 value)
{
	struct host *host = container_of(bus->sysdata, struct host, sysdata);
	struct function *function = find(bus, devfn);
	u8 *config, *writable;

	host->writes++;
	if (!function || where + size > CONFIG_SIZE)
		return PCIBIOS_SUCCESSFUL;
	config = function->config + where;
	writable = function->writable + where;
	for (; size--; config++, writable++, value >>= 8)
		*config = (*config & ~*writable) | (value & *writable);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops host_ops = {
	.read = host_read,
	.write = host_write,
};

static void set16(u8 *config, int at, u16 value)
{
	put_unaligned_le16(value, config + at);
}

/* A PCI Express function. Registers that are not named are 0 and stay so. */
static struct function *plug(struct host *host, u8 bus, u8 devfn, u16 type)
{
	struct function *function = &host->functions[host->nr_functions++];
	u8 *config = function->config;

	host->function[bus][devfn] = function;
	set16(config, PCI_VENDOR_ID, VENDOR);
	set16(config, PCI_DEVICE_ID, 1);
	set16(config, PCI_CLASS_DEVICE, PCI_CLASS_NOT_DEFINED_VGA + 0xfe);
	set16(config, PCI_STATUS, PCI_STATUS_CAP_LIST);
	config[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_MFD;
	config[PCI_CAPABILITY_LIST] = EXPRESS;
	config[EXPRESS] = PCI_CAP_ID_EXP;
	set16(config, EXPRESS + PCI_EXP_FLAGS,
	      FIELD_PREP(PCI_EXP_FLAGS_TYPE, type) | 2);
	set16(function->writable, PCI_COMMAND, 0x0547);
	return function;
}

/* With ACS and ARI Forwarding, and bus numbers that firmware has assigned. */
static void plug_port(struct host *host, u8 devfn, u8 number)
{
	struct function *port = plug(host, 0, devfn, PCI_EXP_TYPE_ROOT_PORT);
	u8 *config = port->config;

	set16(config, PCI_CLASS_DEVICE, PCI_CLASS_BRIDGE_PCI);
	config[PCI_HEADER_TYPE] |= PCI_HEADER_TYPE_BRIDGE;
	config[PCI_SECONDARY_BUS] = number;
	config[PCI_SUBORDINATE_BUS] = number;
	set16(config, PCI_MEMORY_BASE, 0xfff0);
	set16(config, EXPRESS + PCI_EXP_DEVCAP2, PCI_EXP_DEVCAP2_ARI);
	set16(config, ACS, PCI_EXT_CAP_ID_ACS);
	config[ACS + 2] = 1;
	set16(config, ACS + PCI_ACS_CAP, 0x005f);
	memset(port->writable + PCI_PRIMARY_BUS, 0xff, 3);
	set16(port->writable, PCI_MEMORY_BASE, 0xfff0);
	set16(port->writable, PCI_MEMORY_LIMIT, 0xfff0);
	set16(port->writable, PCI_BRIDGE_CONTROL, 0x0fff);
	set16(port->writable, EXPRESS + PCI_EXP_DEVCTL2, PCI_EXP_DEVCTL2_ARI);
	set16(port->writable, ACS + PCI_ACS_CTRL, 0x007f);
}

/* Every port and all behind it, as handed over. */
static void hand_over(struct host *host, unsigned int nr, u8 bus, u8 devfn,
		      u16 refcount)
{
	host->entries[nr].domain = SCAN_DOMAIN;
	host->entries[nr].bdf = PCI_DEVID(bus, devfn);
	host->entries[nr].refcount = refcount;
}

/* As firmware has left it, whatever an earlier scan has written. */
static void plug_all(struct host *host)
{
	unsigned int port, devfn, nr = 0;

	memset(host->function, 0, sizeof(host->function));
	memset(host->functions, 0,
	       host->nr_functions * sizeof(*host->functions));
	host->nr_functions = 0;
	host->reads = 0;
	host->writes = 0;
	for (devfn = 0; devfn < ROOT_FUNCTIONS; devfn++)
		plug(host, 0, devfn, PCI_EXP_TYPE_RC_END);
	for (port = 1; port <= host->nr_ports; port++) {
		plug_port(host, 7 + port, port);
		hand_over(host, nr++, 0, 7 + port, host->per_port);
		for (devfn = 0; devfn < host->per_port; devfn++) {
			plug(host, port, devfn, PCI_EXP_TYPE_ENDPOINT);
			hand_over(host, nr++, port, devfn, 1);
		}
	}
}

static unsigned int nr_entries(const struct host *host)
{
	return host->nr_ports * (host->per_port + 1);
}

static struct host *create_host(unsigned int nr_ports, unsigned int per_port)
{
	struct host *host = kvzalloc(sizeof(*host), GFP_KERNEL);

	if (!host)
		return NULL;
	host->nr_ports = nr_ports;
	host->per_port = per_port;
	host->sysdata.domain = SCAN_DOMAIN;
	host->sysdata.node = NUMA_NO_NODE;
	host->numbers.end = 255;
	host->numbers.flags = IORESOURCE_BUS;
	host->functions = kvcalloc(ROOT_FUNCTIONS + nr_entries(host),
				   sizeof(*host->functions), GFP_KERNEL);
	host->entries = kvcalloc(nr_entries(host), sizeof(*host->entries),
				 GFP_KERNEL);
	return host;
}

static void destroy_host(struct host *host)
{
	kvfree(host->entries);
	kvfree(host->functions);
	kvfree(host);
}

/* Whether all functions were found, and exactly those incoming that should be. */
static int check(struct host *host, struct pci_bus *root, struct scan *scan)
{
	unsigned int nr = 0, incoming = 0;
	struct pci_dev *dev = NULL;

	for_each_pci_dev(dev) {
		if (dev->bus->sysdata != root->sysdata)
			continue;
		nr++;
		incoming += pci_liveupdate_is_incoming(dev);
		scan->line_cost = bench_line_cost(&dev->dev);
	}
	return nr == host->nr_functions &&
	       incoming == (scan->handover ? nr_entries(host) : 0) ? 0 : -EINVAL;
}

/* One enumeration, from the same state of the machine each time. */
static int scan(struct host *host, struct scan *scan, unsigned int pass)
{
	struct pci_bus *root;
	LIST_HEAD(windows);
	int ret;

	pci_add_resource(&windows, &host->numbers);
	pci_lock_rescan_remove();
	bench_begin(pass);
	bench_call(&scan->bench, root = pci_scan_root_bus(NULL, 0, &host_ops,
							  &host->sysdata,
							  &windows));
	bench_end(&scan->bench, pass);
	scan->reads = host->reads;
	scan->writes = host->writes;
	if (root) {
		ret = check(host, root, scan);
		bench_begin(1);
		pci_stop_root_bus(root);
		pci_remove_root_bus(root);
		bench_begin(0);
	} else {
		pci_free_resource_list(&windows);
		ret = -ENOMEM;
	}
	pci_unlock_rescan_remove();
	/* What was removed is freed with a delay. */
	rcu_barrier();
	return ret;
}

static int one_pass(struct host *host, struct scan *of, unsigned int pass)
{
	int ret = 0;

	plug_all(host);
	if (of->handover)
		ret = pci_liveupdate_bench_incoming(host->entries,
						    nr_entries(host));
	if (!ret)
		ret = scan(host, of, pass);
	pci_liveupdate_bench_clear();
	return ret;
}

static void report(struct host *host, const struct scan *scan)
{
	const char *what = scan->handover ? "handover" : "plain";
	char name[40];

	snprintf(name, sizeof(name), "scan-%s/%u", what, host->nr_ports);
	bench_report_calls(name, &scan->bench, scan->line_cost);
	snprintf(name, sizeof(name), "scan-%s-reads/%u", what, host->nr_ports);
	bench_report(name, scan->reads, 1, 0);
	snprintf(name, sizeof(name), "scan-%s-writes/%u", what, host->nr_ports);
	bench_report(name, scan->writes, 1, 0);
}

/* With and without a handover by turns, so that both find the same memory. */
static int measure(struct host *host)
{
	struct scan plain = {}, handover = { .handover = true };
	unsigned int pass;
	int ret = 0;

	for (pass = 0; !ret && pass < BENCH_PASSES; pass++) {
		ret = one_pass(host, &plain, pass);
		if (!ret)
			ret = one_pass(host, &handover, pass);
	}
	if (!ret) {
		report(host, &plain);
		report(host, &handover);
	}
	return ret;
}

static int measure_ports(unsigned int nr_ports, unsigned int per_port)
{
	struct host *host = create_host(nr_ports, per_port);
	int ret = -ENOMEM;

	if (!host)
		return ret;
	if (host->functions && host->entries)
		ret = measure(host);
	destroy_host(host);
	return ret;
}

int bench_scans(void)
{
	int ret;

	ret = measure_ports(8, 8);
	if (!ret)
		ret = measure_ports(32, 8);
	return ret ?: measure_ports(128, 1);
}
