// SPDX-License-Identifier: GPL-2.0
/*
 * The C of the file handler for VFIO PCI devices: the way to vfio-pci-core, which
 * may be a module, and what Rust cannot call.
 */

#include <linux/device.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/vfio_pci_liveupdate.h>

EXPORT_SYMBOL_GPL(vfio_pci_liveupdate_give_up);

/* Held for reading during each operation, so that the module stays. */
static DECLARE_RWSEM(vfio_pci_ops_lock);
static const struct vfio_pci_liveupdate_ops *vfio_pci_ops;

void vfio_pci_liveupdate_attach(const struct vfio_pci_liveupdate_ops *ops)
{
	guard(rwsem_write)(&vfio_pci_ops_lock);
	vfio_pci_ops = ops;
}
EXPORT_SYMBOL_GPL(vfio_pci_liveupdate_attach);

void vfio_pci_liveupdate_detach(void)
{
	guard(rwsem_write)(&vfio_pci_ops_lock);
	vfio_pci_ops = NULL;
}
EXPORT_SYMBOL_GPL(vfio_pci_liveupdate_detach);

bool vfio_pci_file_is_vfio(struct file *file)
{
	guard(rwsem_read)(&vfio_pci_ops_lock);
	return vfio_pci_ops && vfio_pci_ops->is_vfio(file);
}

struct pci_dev *vfio_pci_file_preserve(struct file *file)
{
	guard(rwsem_read)(&vfio_pci_ops_lock);
	return vfio_pci_ops ? vfio_pci_ops->preserve(file) : ERR_PTR(-ENODEV);
}

/*
 * From here to vfio_pci_file_retrieve(), the file is open, and keeps the module.
 */

void vfio_pci_file_unpreserve(struct file *file)
{
	guard(rwsem_read)(&vfio_pci_ops_lock);
	if (vfio_pci_ops)
		vfio_pci_ops->unpreserve(file);
}

int vfio_pci_file_freeze(struct file *file)
{
	guard(rwsem_read)(&vfio_pci_ops_lock);
	return vfio_pci_ops ? vfio_pci_ops->freeze(file) : -ENODEV;
}

void vfio_pci_file_unfreeze(struct file *file)
{
	guard(rwsem_read)(&vfio_pci_ops_lock);
	if (vfio_pci_ops)
		vfio_pci_ops->unfreeze(file);
}

struct file *vfio_pci_file_retrieve(struct pci_dev *pdev)
{
	guard(rwsem_read)(&vfio_pci_ops_lock);
	return vfio_pci_ops ? vfio_pci_ops->retrieve(pdev) : ERR_PTR(-EAGAIN);
}

bool vfio_pci_file_may_use(struct file *file)
{
	guard(rwsem_read)(&vfio_pci_ops_lock);
	return vfio_pci_ops && vfio_pci_ops->may_use(file);
}

bool vfio_pci_file_has_memory(struct file *file)
{
	guard(rwsem_read)(&vfio_pci_ops_lock);
	return vfio_pci_ops && vfio_pci_ops->has_memory(file);
}

void vfio_pci_file_finish(struct file *file)
{
	guard(rwsem_read)(&vfio_pci_ops_lock);
	if (vfio_pci_ops)
		vfio_pci_ops->finish(file);
}

bool vfio_pci_file_unused(struct pci_dev *pdev)
{
	guard(rwsem_read)(&vfio_pci_ops_lock);
	return vfio_pci_ops && vfio_pci_ops->unused(pdev);
}

void vfio_pci_file_close(struct pci_dev *pdev)
{
	guard(rwsem_read)(&vfio_pci_ops_lock);
	if (vfio_pci_ops)
		vfio_pci_ops->close(pdev);
}

struct vfio_pci_hold {
	struct callback_head work;
	struct file *file;
};

static void vfio_pci_file_unhold(struct callback_head *work)
{
	struct vfio_pci_hold *hold =
		container_of(work, struct vfio_pci_hold, work);

	fput(hold->file);
	kfree(hold);
}

/*
 * Hold a file until the calling thread returns to user space. A retrieved file
 * gets its user only after the handler has returned it, and must not look unused
 * in between.
 */
int vfio_pci_file_hold(struct file *file)
{
	struct vfio_pci_hold *hold = kmalloc_obj(*hold);
	int ret;

	if (!hold)
		return -ENOMEM;

	init_task_work(&hold->work, vfio_pci_file_unhold);
	hold->file = get_file(file);
	ret = task_work_add(current, &hold->work, TWA_RESUME);
	if (ret)
		vfio_pci_file_unhold(&hold->work);
	return ret;
}

/* Not whether it has a group, which VFIO makes up without an IOMMU. */
bool vfio_pci_has_iommu(struct pci_dev *pdev)
{
	return pdev->dev.iommu;
}
