// SPDX-License-Identifier: GPL-2.0
/*
 * Keep a device of vfio-pci, and memory for its DMA, over a live update.
 *
 *   vfio_liveupdate preserve BDF    in the old kernel, until kexec
 *   vfio_liveupdate retrieve        in the new kernel, with vfio-pci bound
 *
 * What a VMM, DPDK or SPDK does is the same, with more memory and with a
 * driver for the device. This is for machines without an IOMMU, where the
 * device goes on with its DMA: boot with
 *
 *   kho=on liveupdate=on vfio.enable_unsafe_noiommu_mode=1
 *
 * There the device is told physical addresses, which do not change. Behind an
 * IOMMU, a device is preserved without Bus Master: it has to be started again.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/iommufd.h>
#include <linux/liveupdate.h>
#include <linux/vfio.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SESSION		"vfio-example"
#define TOKEN_MEMORY	1
#define TOKEN_DEVICE	2
#define IOVA		0x100000000ULL
#define MAGIC		"vfio-example-v1"

/* The memory of the device, and what this program has to know in the next kernel. */
struct memory {
	char magic[16];
	__u64 phys;			/* of the page for the device */
	char reserved[4096 - 24];
	char page[4096];		/* what the device writes to */
};

static int check(int ret, const char *what)
{
	if (ret < 0)
		err(1, "%s", what);
	return ret;
}

static int open_device(const char *bdf)
{
	char path[256];
	glob_t found;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev/*", bdf);
	if (glob(path, 0, NULL, &found))
		errx(1, "vfio-pci is not bound to %s", bdf);
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", strrchr(found.gl_pathv[0], '/') + 1);
	return check(open(path, O_RDWR), path);
}

/*
 * Bind the device to an iommufd, and map the memory for it. On a device that
 * was retrieved this changes nothing: it is neither reset nor disabled, and
 * its memory is already where it was.
 */
static __u64 attach(int device, int memory)
{
	int iommufd = check(open("/dev/iommu", O_RDWR), "/dev/iommu");
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = iommufd,
	};
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach) };
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.fd = memory,
		.length = sizeof(struct memory),
		.iova = IOVA,
	};
	struct iommu_ioas_noiommu_get_pa pa = {
		.size = sizeof(pa),
		.iova = IOVA + offsetof(struct memory, page),
		.length = sizeof(((struct memory *)0)->page),
	};

	check(ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind), "bind");
	check(ioctl(iommufd, IOMMU_IOAS_ALLOC, &alloc), "address space");
	attach.pt_id = alloc.out_ioas_id;
	map.ioas_id = alloc.out_ioas_id;
	pa.ioas_id = alloc.out_ioas_id;
	check(ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), "attach");
	check(ioctl(iommufd, IOMMU_IOAS_MAP_FILE, &map), "map");
	check(ioctl(iommufd, IOMMU_IOAS_NOIOMMU_GET_PA, &pa), "address");
	return pa.out_phys;
}

static struct memory *map(int fd)
{
	const size_t size = sizeof(struct memory);
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		err(1, "memory");
	return map;
}

static void preserve_file(int session, int fd, __u64 token)
{
	struct liveupdate_session_preserve_fd file = {
		.size = sizeof(file),
		.fd = fd,
		.token = token,
	};

	check(ioctl(session, LIVEUPDATE_SESSION_PRESERVE_FD, &file), "preserve");
}

static int old_kernel(const char *bdf)
{
	struct liveupdate_ioctl_create_session new = { .size = sizeof(new), .name = SESSION };
	int luo = check(open("/dev/liveupdate", O_RDWR), "/dev/liveupdate");
	int memory = check(memfd_create("dma", MFD_CLOEXEC), "memory");
	int device = open_device(bdf);
	struct memory *mem;

	check(ftruncate(memory, sizeof(*mem)), "memory");
	mem = map(memory);
	memcpy(mem->magic, MAGIC, sizeof(mem->magic));
	mem->phys = attach(device, memory);
	/* Here the device is started, and told that address. */

	/* Both in one session: then the memory stays as long as the device. */
	check(ioctl(luo, LIVEUPDATE_IOCTL_CREATE_SESSION, &new), "session");
	preserve_file(new.fd, memory, TOKEN_MEMORY);
	preserve_file(new.fd, device, TOKEN_DEVICE);
	printf("preserved %#llx\n", mem->phys);
	fflush(stdout);

	/* The device can be used until kexec. The session must stay open. */
	for (;;)
		pause();
}

static int retrieve_file(int session, __u64 token)
{
	struct liveupdate_session_retrieve_fd file = { .size = sizeof(file), .token = token };

	/* A device whose driver is not bound yet. */
	while (ioctl(session, LIVEUPDATE_SESSION_RETRIEVE_FD, &file) < 0) {
		if (errno != EAGAIN)
			err(1, "retrieve");
		usleep(10000);
	}
	return file.fd;
}

static int new_kernel(void)
{
	struct liveupdate_ioctl_retrieve_session old = { .size = sizeof(old), .name = SESSION };
	struct liveupdate_session_finish finish = { .size = sizeof(finish) };
	int luo = check(open("/dev/liveupdate", O_RDWR), "/dev/liveupdate");
	int memory, device;
	struct memory *mem;

	check(ioctl(luo, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, &old), "session");
	memory = retrieve_file(old.fd, TOKEN_MEMORY);
	device = retrieve_file(old.fd, TOKEN_DEVICE);
	mem = map(memory);
	if (memcmp(mem->magic, MAGIC, sizeof(mem->magic)))
		errx(1, "the memory is not of this program");
	/* Bound and mapped before finish, or the device would be stopped there. */
	if (attach(device, memory) != mem->phys)
		errx(1, "the memory has moved");
	check(ioctl(old.fd, LIVEUPDATE_SESSION_FINISH, &finish), "finish");
	printf("retrieved %#llx\n", mem->phys);
	fflush(stdout);

	/* It is a device like any other now: until this process ends. */
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "preserve"))
		return old_kernel(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "retrieve"))
		return new_kernel();
	fprintf(stderr, "usage: %s preserve BDF | retrieve\n", argv[0]);
	return 2;
}
