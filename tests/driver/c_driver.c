// SPDX-License-Identifier: GPL-2.0
/*
 * A driver in C whose devices keep running while the kernel is replaced. It is a
 * module, and binds to any device if user space says so:
 *
 *   echo c_driver > /sys/bus/pci/devices/0000:01:00.0/driver_override
 *   echo 0000:01:00.0 > /sys/bus/pci/drivers_probe
 *
 * Each device has a file, here /dev/c-driver-0000:01:00.0, with a note of 64 bytes.
 * An open file can be preserved in a session of /dev/liveupdate:
 *
 *  old kernel   open()  preserve()  write()  freeze()
 *                          |                    |
 *                       the device is       the note
 *                       kept running        is saved        ---- kexec ---->
 *
 *  new kernel   probe()         retrieve()           can_finish()  finish()
 *                  |                |                                 |
 *               the device is    a file is created                 the device is
 *               left as it is    for the bound device              like any other
 *
 * Like drivers in the tree, it includes no header but linux/pci.h for Live Update
 * of PCI devices.
 */

#include <linux/anon_inodes.h>
#include <linux/cleanup.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>

#define NOTE_SIZE	64

/* What the next kernel is told. The layout is a part of COMPATIBLE. */
#define COMPATIBLE	"c-driver-v1"

struct c_driver_ser {
	u32 domain;
	u16 bdf;
	u16 vendor;
	u16 device;
	char note[NOTE_SIZE];
} __packed;

/* A device that is bound, or was bound and has open files. */
struct c_device {
	struct kref kref;
	struct pci_dev *pdev;
	struct miscdevice misc;
	/* Empty if the device is not bound any more. */
	struct list_head bound;
	struct mutex lock;	/* Protects the note. */
	char note[NOTE_SIZE];
};

/* No other lock is taken under it. */
static DEFINE_MUTEX(bound_lock);
static LIST_HEAD(bound_devices);

static const struct file_operations c_driver_fops;

static void c_device_free(struct kref *kref)
{
	struct c_device *dev = container_of(kref, struct c_device, kref);

	pci_dev_put(dev->pdev);
	kfree(dev);
}

static void c_device_put(struct c_device *dev)
{
	kref_put(&dev->kref, c_device_free);
}

static bool c_device_is_bound(struct c_device *dev)
{
	guard(mutex)(&bound_lock);
	return !list_empty(&dev->bound);
}

static bool c_device_matches(const struct c_device *dev,
			     const struct c_driver_ser *ser)
{
	struct pci_dev *pdev = dev->pdev;

	return pci_domain_nr(pdev->bus) == ser->domain &&
	       pci_dev_id(pdev) == ser->bdf && pdev->vendor == ser->vendor &&
	       pdev->device == ser->device && pci_liveupdate_is_incoming(pdev);
}

static struct c_device *c_device_find(const struct c_driver_ser *ser)
{
	struct c_device *dev;

	guard(mutex)(&bound_lock);
	list_for_each_entry(dev, &bound_devices, bound) {
		if (c_device_matches(dev, ser)) {
			kref_get(&dev->kref);
			return dev;
		}
	}
	return NULL;
}

/* Files */

static int c_driver_open(struct inode *inode, struct file *file)
{
	struct c_device *dev = container_of(file->private_data, struct c_device,
					    misc);

	/* Until it is finished, the device is of whoever retrieves its file. */
	if (pci_liveupdate_is_incoming(dev->pdev))
		return -EBUSY;
	kref_get(&dev->kref);
	file->private_data = dev;
	return 0;
}

static int c_driver_release(struct inode *inode, struct file *file)
{
	c_device_put(file->private_data);
	return 0;
}

static ssize_t c_driver_read(struct file *file, char __user *buf, size_t count,
			     loff_t *ppos)
{
	struct c_device *dev = file->private_data;

	guard(mutex)(&dev->lock);
	return simple_read_from_buffer(buf, count, ppos, dev->note, NOTE_SIZE);
}

static ssize_t c_driver_write(struct file *file, const char __user *buf,
			      size_t count, loff_t *ppos)
{
	struct c_device *dev = file->private_data;

	guard(mutex)(&dev->lock);
	return simple_write_to_buffer(dev->note, NOTE_SIZE, ppos, buf, count);
}

static const struct file_operations c_driver_fops = {
	.owner = THIS_MODULE,
	.open = c_driver_open,
	.release = c_driver_release,
	.read = c_driver_read,
	.write = c_driver_write,
};

/* Live Update, in the old kernel */

static bool c_driver_can_preserve(struct liveupdate_file_handler *handler,
				  struct file *file)
{
	return file->f_op == &c_driver_fops;
}

static int c_driver_preserve(struct liveupdate_file_op_args *args)
{
	struct c_device *dev = args->file->private_data;
	struct pci_dev *pdev = dev->pdev;
	struct c_driver_ser *ser;
	int err;

	if (!c_device_is_bound(dev))
		return -ENODEV;
	ser = kho_alloc_preserve(sizeof(*ser));
	if (IS_ERR(ser))
		return PTR_ERR(ser);
	ser->domain = pci_domain_nr(pdev->bus);
	ser->bdf = pci_dev_id(pdev);
	ser->vendor = pdev->vendor;
	ser->device = pdev->device;

	err = pci_liveupdate_preserve(pdev);
	if (err) {
		kho_unpreserve_free(ser);
		return err;
	}
	args->serialized_data = virt_to_phys(ser);
	args->private_data = ser;
	return 0;
}

static void c_driver_unpreserve(struct liveupdate_file_op_args *args)
{
	struct c_device *dev = args->file->private_data;

	pci_liveupdate_unpreserve(dev->pdev);
	kho_unpreserve_free(args->private_data);
}

/* User space can change the note until now. */
static int c_driver_freeze(struct liveupdate_file_op_args *args)
{
	struct c_device *dev = args->file->private_data;
	struct c_driver_ser *ser = args->private_data;

	if (!c_device_is_bound(dev))
		return -ENODEV;
	guard(mutex)(&dev->lock);
	memcpy(ser->note, dev->note, NOTE_SIZE);
	return 0;
}

/* Live Update, in the new kernel */

/* The number comes from the previous kernel, and may be wrong. */
static struct c_driver_ser *c_driver_ser(u64 phys)
{
	if (!PAGE_ALIGNED(phys) ||
	    kho_preserved_size(phys) < sizeof(struct c_driver_ser))
		return NULL;
	return phys_to_virt(phys);
}

static int c_driver_retrieve(struct liveupdate_file_op_args *args)
{
	struct c_driver_ser *ser = c_driver_ser(args->serialized_data);
	struct c_device *dev;
	struct file *file;

	if (!ser)
		return -EINVAL;
	/* finish() frees what was saved, not this: it can be tried again. */
	args->can_retry = true;
	dev = c_device_find(ser);
	if (!dev)
		return -ENODEV;
	file = anon_inode_getfile_fmode("[c-driver]", &c_driver_fops, dev,
					O_RDWR, FMODE_PREAD | FMODE_PWRITE);
	if (IS_ERR(file)) {
		c_device_put(dev);
		return PTR_ERR(file);
	}
	memcpy(dev->note, ser->note, NOTE_SIZE);
	args->file = file;
	return 0;
}

/* Get the device of a file, also if that was not retrieved. */
static struct c_device *c_device_get(const struct liveupdate_file_op_args *args)
{
	struct c_driver_ser *ser = c_driver_ser(args->serialized_data);
	struct c_device *dev;

	if (!args->file)
		return ser ? c_device_find(ser) : NULL;
	dev = args->file->private_data;
	kref_get(&dev->kref);
	return dev;
}

/*
 * A device whose file was not retrieved is stopped. It may write to memory of other
 * files in the session, which LUO finishes after it has asked all of them.
 */
static bool c_driver_can_finish(struct liveupdate_file_op_args *args)
{
	struct c_device *dev;

	if (args->file)
		return true;
	dev = c_device_get(args);
	if (!dev)
		return true;
	pci_clear_master(dev->pdev);
	if (!pci_wait_for_pending_transaction(dev->pdev))
		pci_err(dev->pdev, "has pending transactions\n");
	c_device_put(dev);
	return true;
}

static void c_driver_finish(struct liveupdate_file_op_args *args)
{
	struct c_device *dev = c_device_get(args);

	if (dev) {
		/* It may have been removed meanwhile. */
		if (pci_liveupdate_is_incoming(dev->pdev))
			pci_liveupdate_finish(dev->pdev);
		c_device_put(dev);
	}
	kho_restore_free(c_driver_ser(args->serialized_data));
}

static const struct liveupdate_file_ops c_driver_luo_ops = {
	.can_preserve = c_driver_can_preserve,
	.preserve = c_driver_preserve,
	.unpreserve = c_driver_unpreserve,
	.freeze = c_driver_freeze,
	.retrieve = c_driver_retrieve,
	.can_finish = c_driver_can_finish,
	.finish = c_driver_finish,
	.owner = THIS_MODULE,
};

static struct liveupdate_file_handler c_driver_handler = {
	.ops = &c_driver_luo_ops,
	.compatible = COMPATIBLE,
};

/* For pci-lu, which looks for a handler in modules as well. */
MODULE_INFO(liveupdate_file, COMPATIBLE);

/* The PCI driver */

static int c_device_start(struct pci_dev *pdev)
{
	int err;

	err = pci_enable_device_mem(pdev);
	if (err)
		return err;
	if (pci_liveupdate_is_incoming(pdev)) {
		pci_info(pdev, "left running by the previous kernel\n");
		return 0;
	}
	/* Only here, a driver for real hardware resets the device and sets it up. */
	pci_set_master(pdev);
	return 0;
}

static int c_device_publish(struct c_device *dev)
{
	struct device *parent = &dev->pdev->dev;

	dev->misc.minor = MISC_DYNAMIC_MINOR;
	dev->misc.fops = &c_driver_fops;
	dev->misc.parent = parent;
	dev->misc.name = devm_kasprintf(parent, GFP_KERNEL, "c-driver-%s",
					dev_name(parent));
	if (!dev->misc.name)
		return -ENOMEM;

	scoped_guard(mutex, &bound_lock)
		list_add(&dev->bound, &bound_devices);
	return misc_register(&dev->misc);
}

/* Files may still be open: they keep the device, but it is not bound any more. */
static void c_device_withdraw(struct c_device *dev)
{
	scoped_guard(mutex, &bound_lock)
		list_del_init(&dev->bound);
	/* This also stops a device that runs since the previous kernel. */
	pci_disable_device(dev->pdev);
	c_device_put(dev);
}

static int c_driver_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct c_device *dev;
	int err;

	dev = kzalloc_obj(*dev);
	if (!dev)
		return -ENOMEM;
	kref_init(&dev->kref);
	mutex_init(&dev->lock);
	INIT_LIST_HEAD(&dev->bound);
	dev->pdev = pci_dev_get(pdev);

	err = c_device_start(pdev);
	if (err) {
		c_device_put(dev);
		return err;
	}
	err = c_device_publish(dev);
	if (err) {
		c_device_withdraw(dev);
		return err;
	}
	pci_set_drvdata(pdev, dev);
	return 0;
}

static void c_driver_remove(struct pci_dev *pdev)
{
	struct c_device *dev = pci_get_drvdata(pdev);

	misc_deregister(&dev->misc);
	c_device_withdraw(dev);
}

/* There is no shutdown(): the PCI core stops the devices that are not preserved. */
static struct pci_driver c_driver = {
	.name = KBUILD_MODNAME,
	.probe = c_driver_probe,
	.remove = c_driver_remove,
	.liveupdate = true,
};

static int __init c_driver_init(void)
{
	int err;

	/* -EOPNOTSUPP if Live Update is disabled, before anything is to be undone. */
	err = pci_liveupdate_register_flb(&c_driver_handler);
	if (err)
		return err;
	err = pci_register_driver(&c_driver);
	if (err)
		goto unregister_flb;
	/*
	 * This comes last: a module that cannot be initialized is freed, even if LUO
	 * has taken a reference on it for a file of the previous kernel.
	 */
	err = liveupdate_register_file_handler(&c_driver_handler);
	if (err)
		goto unregister_driver;
	return 0;

unregister_driver:
	pci_unregister_driver(&c_driver);
unregister_flb:
	pci_liveupdate_unregister_flb(&c_driver_handler);
	return err;
}
module_init(c_driver_init);

static void __exit c_driver_exit(void)
{
	pci_liveupdate_unregister_flb(&c_driver_handler);
	liveupdate_unregister_file_handler(&c_driver_handler);
	pci_unregister_driver(&c_driver);
}
module_exit(c_driver_exit);

MODULE_DESCRIPTION("A driver in C whose devices keep running over a live update");
MODULE_LICENSE("GPL");
