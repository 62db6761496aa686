/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What happens to the devices of a Live Update. The events are raised by
 * drivers/pci/liveupdate/src/report/tracepoints.rs.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pci_liveupdate

#if !defined(_TRACE_PCI_LIVEUPDATE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_PCI_LIVEUPDATE_H

#include <linux/pci.h>
#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(pci_liveupdate_device,
		    TP_PROTO(const struct pci_dev *dev),
		    TP_ARGS(dev),
		    TP_STRUCT__entry(__field(u32, domain)
				     __field(u8, bus)
				     __field(u8, devfn)),
		    TP_fast_assign(__entry->domain = pci_domain_nr(dev->bus);
				   __entry->bus = dev->bus->number;
				   __entry->devfn = dev->devfn;),
		    TP_printk("%04x:%02x:%02x.%d", __entry->domain, __entry->bus,
			      PCI_SLOT(__entry->devfn), PCI_FUNC(__entry->devfn)));

/* A driver has preserved a device for the next kernel. */
DEFINE_EVENT(pci_liveupdate_device, pci_liveupdate_preserve,
	     TP_PROTO(const struct pci_dev *dev), TP_ARGS(dev));

/* A device is no longer preserved: by its driver, or because it is removed. */
DEFINE_EVENT(pci_liveupdate_device, pci_liveupdate_unpreserve,
	     TP_PROTO(const struct pci_dev *dev), TP_ARGS(dev));

/* A device that the previous kernel preserved, or a bridge above, is found. */
DEFINE_EVENT(pci_liveupdate_device, pci_liveupdate_arrive,
	     TP_PROTO(const struct pci_dev *dev), TP_ARGS(dev));

/* A driver has finished an incoming device. */
DEFINE_EVENT(pci_liveupdate_device, pci_liveupdate_finish,
	     TP_PROTO(const struct pci_dev *dev), TP_ARGS(dev));

/* A driver could not preserve a device. */
TRACE_EVENT(pci_liveupdate_refuse,
	    TP_PROTO(const struct pci_dev *dev, int error),
	    TP_ARGS(dev, error),
	    TP_STRUCT__entry(__field(u32, domain)
			     __field(u8, bus)
			     __field(u8, devfn)
			     __field(int, error)),
	    TP_fast_assign(__entry->domain = pci_domain_nr(dev->bus);
			   __entry->bus = dev->bus->number;
			   __entry->devfn = dev->devfn;
			   __entry->error = error;),
	    TP_printk("%04x:%02x:%02x.%d error=%d", __entry->domain,
		      __entry->bus, PCI_SLOT(__entry->devfn),
		      PCI_FUNC(__entry->devfn), __entry->error));

/*
 * The Live Update has ended, and no driver has finished a function that was
 * handed over. It may be missing, so there may be no struct pci_dev.
 */
TRACE_EVENT(pci_liveupdate_leftover,
	    TP_PROTO(u32 domain, u16 bdf),
	    TP_ARGS(domain, bdf),
	    TP_STRUCT__entry(__field(u32, domain)
			     __field(u8, bus)
			     __field(u8, devfn)),
	    TP_fast_assign(__entry->domain = domain;
			   __entry->bus = PCI_BUS_NUM(bdf);
			   __entry->devfn = bdf & 0xff;),
	    TP_printk("%04x:%02x:%02x.%d", __entry->domain, __entry->bus,
		      PCI_SLOT(__entry->devfn), PCI_FUNC(__entry->devfn)));

#endif /* _TRACE_PCI_LIVEUPDATE_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
