/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What vfio-pci-core asks about devices that run over kexec.
 */
#ifndef VFIO_PCI_LIVEUPDATE_H
#define VFIO_PCI_LIVEUPDATE_H

#include <linux/vfio_pci_core.h>

#ifdef CONFIG_VFIO_PCI_LIVEUPDATE
void vfio_pci_liveupdate_init(void);
bool vfio_pci_is_live(struct vfio_pci_core_device *vdev);
bool vfio_pci_is_frozen(struct vfio_pci_core_device *vdev);
bool vfio_pci_takes_over(struct vfio_pci_core_device *vdev);
void vfio_pci_leave_running(struct vfio_pci_core_device *vdev);
void vfio_pci_forget_master(struct vfio_pci_core_device *vdev);
void vfio_pci_take_over_config(struct vfio_pci_core_device *vdev);
void vfio_pci_take_over_irqs(struct vfio_pci_core_device *vdev);
void vfio_pci_signal_first(struct vfio_pci_core_device *vdev,
			   unsigned int start, unsigned int count);
#else
static inline void vfio_pci_liveupdate_init(void)
{
}

static inline bool vfio_pci_is_live(struct vfio_pci_core_device *vdev)
{
	return false;
}

static inline bool vfio_pci_is_frozen(struct vfio_pci_core_device *vdev)
{
	return false;
}

static inline bool vfio_pci_takes_over(struct vfio_pci_core_device *vdev)
{
	return false;
}

static inline void vfio_pci_leave_running(struct vfio_pci_core_device *vdev)
{
}

static inline void vfio_pci_forget_master(struct vfio_pci_core_device *vdev)
{
}

static inline void vfio_pci_take_over_config(struct vfio_pci_core_device *vdev)
{
}

static inline void vfio_pci_take_over_irqs(struct vfio_pci_core_device *vdev)
{
}

static inline void vfio_pci_signal_first(struct vfio_pci_core_device *vdev,
					 unsigned int start, unsigned int count)
{
}
#endif

#endif /* VFIO_PCI_LIVEUPDATE_H */
