// SPDX-License-Identifier: GPL-2.0
/*
 * The C side of the tracepoints that the Rust core calls.
 */

#include <linux/pci.h>

#define CREATE_TRACE_POINTS
#define CREATE_RUST_TRACE_POINTS
#include <trace/events/pci_liveupdate.h>
