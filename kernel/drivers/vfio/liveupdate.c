// SPDX-License-Identifier: GPL-2.0-only
/*
 * What Live Update takes of VFIO, whatever bus a device is on: files of device
 * nodes that are opened and closed from within the kernel, and devices that user
 * space cannot call for a while.
 *
 * A file that the Live Update Orchestrator (LUO) holds keeps its device from
 * being unregistered. If nobody else holds it, it can be closed under LUO:
 * vfio_device_close_cdev() does what release() would do, and leaves a file
 * without a device, which LUO puts some time later. No call comes from such a
 * file, since nobody has it.
 */

#include <linux/anon_inodes.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>

#include "vfio.h"

/**
 * vfio_device_get_from_dev() - Find the VFIO device of a device
 * @dev: The device that was given to vfio_alloc_device().
 *
 * Return: The device, with a reference on its registration that the caller puts
 * with vfio_device_put_registration(); NULL if there is none.
 */
struct vfio_device *vfio_device_get_from_dev(struct device *dev)
{
	struct device *found = vfio_find_device(dev);
	struct vfio_device *device;

	if (!found)
		return NULL;

	device = container_of(found, struct vfio_device, device);
	if (!vfio_device_try_get_registration(device))
		device = NULL;
	put_device(found);
	return device;
}
EXPORT_SYMBOL_GPL(vfio_device_get_from_dev);

/**
 * vfio_device_from_bound_cdev() - Get the device of a file that can be preserved
 * @file: A file of a VFIO device.
 *
 * Return: The device if @file was opened through its node and is bound to an
 * iommufd, NULL otherwise.
 */
struct vfio_device *vfio_device_from_bound_cdev(struct file *file)
{
	struct vfio_device *device = vfio_device_from_file(file);
	struct vfio_device_file *df = file->private_data;

	if (!device || df->group)
		return NULL;
	/* Paired with smp_store_release() in vfio_df_ioctl_bind_iommufd() */
	return smp_load_acquire(&df->access_granted) ? device : NULL;
}
EXPORT_SYMBOL_GPL(vfio_device_from_bound_cdev);

/**
 * vfio_file_is_any() - Tell whether a file is one of VFIO
 * @file: Any file.
 *
 * Return: true for the file of a device, a group or a container.
 */
bool vfio_file_is_any(struct file *file)
{
	return vfio_file_is_valid(file) || vfio_container_from_file(file);
}
EXPORT_SYMBOL_GPL(vfio_file_is_any);

/**
 * vfio_device_may_use() - Make the checks of an open for the calling process
 * @device: The device.
 *
 * Return: Whether the process would be allowed to open the node of @device.
 */
bool vfio_device_may_use(struct vfio_device *device)
{
	return !vfio_device_is_noiommu(device) || capable(CAP_SYS_RAWIO);
}
EXPORT_SYMBOL_GPL(vfio_device_may_use);

/**
 * vfio_device_open_cdev() - Open a device as if through its node
 * @device: The device.
 *
 * It is not asked whether it may be opened.
 *
 * Return: The file, or an ERR_PTR().
 */
struct file *vfio_device_open_cdev(struct vfio_device *device)
{
	struct vfio_device_file *df;
	struct file *file;

	df = vfio_df_open_cdev(device);
	if (IS_ERR(df))
		return ERR_CAST(df);

	file = anon_inode_getfile_fmode("[vfio-device]", &vfio_device_fops, df,
					O_RDWR, FMODE_PREAD | FMODE_PWRITE);
	if (IS_ERR(file)) {
		vfio_device_put_registration(device);
		kfree(df);
		return file;
	}
	/* As in vfio_device_fops_cdev_open() */
	file->f_mapping = device->inode->i_mapping;
	return file;
}
EXPORT_SYMBOL_GPL(vfio_device_open_cdev);

/**
 * vfio_device_close_cdev() - Close a device under the only holder of its file
 * @file: A file that was opened through the node of a device, or by
 *	  vfio_device_open_cdev(). Nobody can get a reference to it, or use one.
 */
void vfio_device_close_cdev(struct file *file)
{
	struct vfio_device_file *df = file->private_data;
	struct vfio_device *device = df->device;

	vfio_df_unbind_iommufd(df);
	df->access_granted = false;
	df->device = NULL;
	/* It goes with the device. */
	file->f_mapping = file_inode(file)->i_mapping;
	vfio_device_put_registration(device);
}
EXPORT_SYMBOL_GPL(vfio_device_close_cdev);

/**
 * vfio_device_has_memory() - Tell whether user space has given memory to a device
 * @device: A device with a file that is not closed meanwhile.
 *
 * Return: true if the device is bound to an iommufd, and attached to an IOAS with
 * a mapping.
 */
bool vfio_device_has_memory(struct vfio_device *device)
{
	guard(mutex)(&device->dev_set->lock);
	return device->iommufd_device &&
	       iommufd_device_has_mappings(device->iommufd_device);
}
EXPORT_SYMBOL_GPL(vfio_device_has_memory);

void vfio_device_init_calls(struct vfio_device *device)
{
	init_rwsem(&device->calls_lock);
}

/* No lock for mmap(), which comes with the lock of the mm; calls take both. */
bool vfio_device_is_frozen(struct vfio_device *device)
{
	return READ_ONCE(device->frozen);
}

int vfio_device_begin_call(struct vfio_device *device)
{
	down_read(&device->calls_lock);
	if (!device->frozen)
		return 0;
	up_read(&device->calls_lock);
	return -EIO;
}

void vfio_device_end_call(struct vfio_device *device)
{
	up_read(&device->calls_lock);
}

/**
 * vfio_device_freeze() - Keep user space from calling a device
 * @device: The device.
 *
 * Waits for the calls that are running; later ones fail with -EIO. Mappings are
 * the driver's business.
 *
 * Return: 0, or -EINTR if the waiting task is killed.
 */
int vfio_device_freeze(struct vfio_device *device)
{
	int ret;

	ret = down_write_killable(&device->calls_lock);
	if (ret)
		return ret;
	WRITE_ONCE(device->frozen, true);
	up_write(&device->calls_lock);
	return 0;
}
EXPORT_SYMBOL_GPL(vfio_device_freeze);

/**
 * vfio_device_unfreeze() - Undo vfio_device_freeze()
 * @device: The device.
 */
void vfio_device_unfreeze(struct vfio_device *device)
{
	down_write(&device->calls_lock);
	WRITE_ONCE(device->frozen, false);
	up_write(&device->calls_lock);
}
EXPORT_SYMBOL_GPL(vfio_device_unfreeze);
