// SPDX-License-Identifier: GPL-2.0
/*
 * All that a driver in C does with PCI Live Update, as a module. It shows that
 * header, stubs and exports are complete: it is compiled and linked, with the
 * feature on and off, but never run. Like drivers in the tree, it includes no
 * header but linux/pci.h for this.
 */

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pci.h>

static const struct file_operations c_driver_fops;

static struct pci_dev *c_driver_device(struct file *file)
{
	return file->private_data;
}

static bool c_driver_can_preserve(struct liveupdate_file_handler *handler,
				  struct file *file)
{
	return file->f_op == &c_driver_fops;
}

static int c_driver_preserve(struct liveupdate_file_op_args *args)
{
	struct pci_dev *dev = c_driver_device(args->file);

	args->serialized_data = pci_dev_id(dev);
	return pci_liveupdate_preserve(dev);
}

static void c_driver_unpreserve(struct liveupdate_file_op_args *args)
{
	pci_liveupdate_unpreserve(c_driver_device(args->file));
}

static int c_driver_retrieve(struct liveupdate_file_op_args *args)
{
	return -ENODEV;
}

static void c_driver_finish(struct liveupdate_file_op_args *args)
{
	if (args->retrieve_status > 0)
		pci_liveupdate_finish(c_driver_device(args->file));
}

static const struct liveupdate_file_ops c_driver_luo_ops = {
	.can_preserve = c_driver_can_preserve,
	.preserve = c_driver_preserve,
	.unpreserve = c_driver_unpreserve,
	.retrieve = c_driver_retrieve,
	.finish = c_driver_finish,
	.owner = THIS_MODULE,
};

static struct liveupdate_file_handler c_driver_handler = {
	.ops = &c_driver_luo_ops,
	.compatible = "pci-liveupdate-c-driver",
};

static int c_driver_probe(struct pci_dev *dev, const struct pci_device_id *id)
{
	/* A device that has been running is left as it is. */
	if (pci_liveupdate_is_incoming(dev))
		return 0;
	return pci_enable_device_mem(dev);
}

static struct pci_driver c_driver = {
	.name = "pci-liveupdate-c-driver",
	.probe = c_driver_probe,
	.liveupdate = true,
};

static int __init c_driver_init(void)
{
	int err;

	err = pci_register_driver(&c_driver);
	if (err)
		return err;
	err = liveupdate_register_file_handler(&c_driver_handler);
	if (err)
		goto unregister_driver;
	err = pci_liveupdate_register_flb(&c_driver_handler);
	if (err)
		goto unregister_handler;
	return 0;

unregister_handler:
	liveupdate_unregister_file_handler(&c_driver_handler);
unregister_driver:
	pci_unregister_driver(&c_driver);
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

MODULE_DESCRIPTION("A driver in C for PCI Live Update");
MODULE_LICENSE("GPL");
