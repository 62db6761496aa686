// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that run over kexec, as vfio-pci-core sees them.
 *
 * The file handler in liveupdate/ says when something happens to a file, and owns
 * the order of it. This file does it to the device:
 *
 *  old kernel    preserve()    no low power, no dma-buf, no reset of the bus
 *                freeze()      user space and interrupts are kept away
 *  ------------- kexec
 *  new kernel    probe         nothing
 *                may_open()    nobody but who retrieves the file
 *                retrieve()    a file as if the device node had been opened
 *                bind          the device is enabled as it runs
 *                SET_IRQS      each vector is signalled once
 *                finish()      a device like any other
 *
 * Drivers that share vfio-pci-core say with vfio_device_ops.liveupdate that all
 * state of their devices is in the devices.
 */

#include <linux/bitmap.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pci.h>
#include <linux/vfio.h>

#include "vfio_pci_priv.h"

static struct vfio_pci_core_device *to_vfio_pci(struct vfio_device *device)
{
	return container_of(device, struct vfio_pci_core_device, vdev);
}

/* The device of a file that was preserved or retrieved. */
static struct vfio_pci_core_device *vfio_pci_from_file(struct file *file)
{
	return to_vfio_pci(vfio_device_from_file(file));
}

/* Whether another kernel depends on how the device is. */
bool vfio_pci_is_live(struct vfio_pci_core_device *vdev)
{
	return READ_ONCE(vdev->liveupdate.outgoing) ||
	       pci_liveupdate_is_incoming(vdev->pdev);
}

/* With the memory_lock or the irqlock held, or during a call of user space. */
bool vfio_pci_is_frozen(struct vfio_pci_core_device *vdev)
{
	return vdev->liveupdate.frozen;
}

/* Whether the device has been running since the previous kernel. */
bool vfio_pci_takes_over(struct vfio_pci_core_device *vdev)
{
	return vdev->vdev.ops->liveupdate &&
	       pci_liveupdate_is_incoming(vdev->pdev);
}

/*
 * The device cannot be opened, but may be later. It is as it was before it was
 * enabled: pci_disable_device() would stop it.
 */
void vfio_pci_leave_running(struct vfio_pci_core_device *vdev)
{
	atomic_dec(&vdev->pdev->enable_cnt);
}

/*
 * The state that was saved when the device was opened is restored when it is
 * closed, and must not start DMA then.
 */
void vfio_pci_forget_master(struct vfio_pci_core_device *vdev)
{
	if (vfio_pci_takes_over(vdev))
		vdev->pdev->saved_config_space[PCI_COMMAND / 4] &=
			~PCI_COMMAND_MASTER;
}

/*
 * freeze() of the previous kernel set Interrupt Disable, nobody else did. INTx is
 * enabled in hardware when user space gives it an eventfd, as on any device.
 */
void vfio_pci_take_over_config(struct vfio_pci_core_device *vdev)
{
	if (vfio_pci_takes_over(vdev))
		*(__le16 *)&vdev->vconfig[PCI_COMMAND] &=
			cpu_to_le16(~PCI_COMMAND_INTX_DISABLE);
}

/*
 * What a running device has sent since the previous kernel froze it is lost, so
 * user space has to look when it sets up a vector.
 */
void vfio_pci_take_over_irqs(struct vfio_pci_core_device *vdev)
{
	struct vfio_pci_liveupdate *lu = &vdev->liveupdate;

	if (vfio_pci_takes_over(vdev))
		bitmap_fill(lu->unsignalled, VFIO_PCI_LIVEUPDATE_VECTORS);
	else
		bitmap_zero(lu->unsignalled, VFIO_PCI_LIVEUPDATE_VECTORS);
}

int vfio_pci_core_may_open(struct vfio_device *core_vdev)
{
	struct pci_dev *pdev = to_vfio_pci(core_vdev)->pdev;

	if (!pci_liveupdate_is_incoming(pdev))
		return 0;
	pci_info_ratelimited(pdev, "not opened: its file is in a Live Update session\n");
	return -EBUSY;
}
EXPORT_SYMBOL_GPL(vfio_pci_core_may_open);

bool vfio_pci_core_give_up(struct vfio_device *core_vdev)
{
	struct vfio_pci_core_device *vdev = to_vfio_pci(core_vdev);

	return READ_ONCE(vdev->liveupdate.file) &&
	       vfio_pci_liveupdate_give_up(vdev->pdev);
}
EXPORT_SYMBOL_GPL(vfio_pci_core_give_up);

/* Why the device cannot be handed over as it is, or NULL. */
static const char *vfio_pci_obstacle(struct vfio_pci_core_device *vdev)
{
	lockdep_assert_held(&vdev->memory_lock);

	if (vdev->liveupdate.file)
		return "a file of it is in a Live Update session";
	if (vdev->pm_runtime_engaged || vdev->pdev->current_state != PCI_D0)
		return "it is in a low power state";
	if (!list_empty(&vdev->dmabufs))
		return "a dma-buf of it is exported";
	return NULL;
}

static int vfio_pci_mark(struct vfio_pci_core_device *vdev, struct file *file)
{
	const char *obstacle;

	guard(rwsem_write)(&vdev->memory_lock);
	obstacle = vfio_pci_obstacle(vdev);
	if (obstacle) {
		pci_warn(vdev->pdev, "not preserved: %s\n", obstacle);
		return -EINVAL;
	}
	WRITE_ONCE(vdev->liveupdate.file, file);
	WRITE_ONCE(vdev->liveupdate.outgoing, true);
	return 0;
}

static void vfio_pci_unmark(struct vfio_pci_core_device *vdev)
{
	guard(rwsem_write)(&vdev->memory_lock);
	WRITE_ONCE(vdev->liveupdate.outgoing, false);
	WRITE_ONCE(vdev->liveupdate.file, NULL);
}

static struct pci_dev *vfio_pci_op_preserve(struct file *file)
{
	struct vfio_device *device = vfio_device_from_file(file);
	int ret;

	if (!device) {
		pr_warn("vfio: not preserved: files of groups and containers cannot be\n");
		return ERR_PTR(-EINVAL);
	}
	if (!device->ops->liveupdate) {
		dev_warn(device->dev, "not preserved: %s does not support it\n",
			 device->ops->name);
		return ERR_PTR(-EOPNOTSUPP);
	}
	if (!vfio_device_from_bound_cdev(file)) {
		dev_warn(device->dev,
			 "not preserved: not a file of its node that is bound to an iommufd\n");
		return ERR_PTR(-EINVAL);
	}

	ret = vfio_pci_mark(to_vfio_pci(device), file);
	return ret ? ERR_PTR(ret) : to_vfio_pci(device)->pdev;
}

static void vfio_pci_op_unpreserve(struct file *file)
{
	vfio_pci_unmark(vfio_pci_from_file(file));
}

static int vfio_pci_op_freeze(struct file *file)
{
	struct vfio_pci_core_device *vdev = vfio_pci_from_file(file);
	int ret;

	ret = vfio_device_freeze(&vdev->vdev);
	if (ret)
		return ret;

	guard(mutex)(&vdev->igate);
	vfio_pci_zap_and_down_write_memory_lock(vdev);
	vfio_pci_silence_irqs(vdev);
	up_write(&vdev->memory_lock);
	return 0;
}

static void vfio_pci_op_unfreeze(struct file *file)
{
	struct vfio_pci_core_device *vdev = vfio_pci_from_file(file);

	scoped_guard(mutex, &vdev->igate) {
		scoped_guard(rwsem_write, &vdev->memory_lock)
			vfio_pci_unsilence_irqs(vdev);
		vfio_pci_signal_msis(vdev);
	}
	vfio_device_unfreeze(&vdev->vdev);
}

static struct file *vfio_pci_open_once(struct vfio_pci_core_device *vdev)
{
	struct file *file;

	guard(rwsem_write)(&vdev->memory_lock);
	if (vdev->liveupdate.file)
		return ERR_PTR(-EBUSY);

	file = vfio_device_open_cdev(&vdev->vdev);
	if (!IS_ERR(file))
		WRITE_ONCE(vdev->liveupdate.file, file);
	return file;
}

static struct file *vfio_pci_op_retrieve(struct pci_dev *pdev)
{
	struct vfio_device *device = vfio_device_get_from_dev(&pdev->dev);
	struct file *file = ERR_PTR(-EAGAIN);

	if (!device)
		return file;
	if (device->ops->liveupdate)
		file = vfio_pci_open_once(to_vfio_pci(device));
	vfio_device_put_registration(device);
	return file;
}

static bool vfio_pci_op_may_use(struct file *file)
{
	return vfio_device_may_use(vfio_device_from_file(file));
}

static bool vfio_pci_op_has_memory(struct file *file)
{
	return vfio_device_has_memory(vfio_device_from_file(file));
}

static void vfio_pci_op_finish(struct file *file)
{
	vfio_pci_unmark(vfio_pci_from_file(file));
}

static bool vfio_pci_op_unused(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);
	struct file *file = READ_ONCE(vdev->liveupdate.file);

	return file && file_count(file) == 1;
}

static void vfio_pci_op_close(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);
	struct file *file = vdev->liveupdate.file;

	vfio_pci_unmark(vdev);
	vfio_device_close_cdev(file);
}

static const struct vfio_pci_liveupdate_ops vfio_pci_liveupdate_ops = {
	.is_vfio	= vfio_file_is_any,
	.preserve	= vfio_pci_op_preserve,
	.unpreserve	= vfio_pci_op_unpreserve,
	.freeze		= vfio_pci_op_freeze,
	.unfreeze	= vfio_pci_op_unfreeze,
	.retrieve	= vfio_pci_op_retrieve,
	.may_use	= vfio_pci_op_may_use,
	.has_memory	= vfio_pci_op_has_memory,
	.finish		= vfio_pci_op_finish,
	.unused		= vfio_pci_op_unused,
	.close		= vfio_pci_op_close,
};

void vfio_pci_liveupdate_init(void)
{
	vfio_pci_liveupdate_attach(&vfio_pci_liveupdate_ops);
}
