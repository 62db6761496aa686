// SPDX-License-Identifier: GPL-2.0
/*
 * Keep an open file over a live update.
 *
 *   liveupdate_file preserve PATH    in the old kernel, until kexec
 *   liveupdate_file retrieve         in the new kernel: prints its content
 *
 * The file must be one that a handler of the kernel can preserve, for example
 * that of a device with the driver samples/rust/rust_driver_pci_liveupdate.rs.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/liveupdate.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SESSION	"file-example"
#define TOKEN	1

static int check(int ret, const char *what)
{
	if (ret < 0)
		err(1, "%s", what);
	return ret;
}

static int old_kernel(const char *path)
{
	struct liveupdate_ioctl_create_session new = { .size = sizeof(new), .name = SESSION };
	struct liveupdate_session_preserve_fd file = { .size = sizeof(file), .token = TOKEN };
	int luo = check(open("/dev/liveupdate", O_RDWR), "/dev/liveupdate");

	file.fd = check(open(path, O_RDWR), path);
	check(ioctl(luo, LIVEUPDATE_IOCTL_CREATE_SESSION, &new), "session");
	check(ioctl(new.fd, LIVEUPDATE_SESSION_PRESERVE_FD, &file), "preserve");
	printf("preserved %s\n", path);
	fflush(stdout);

	/* The session must stay open until kexec: closing it cancels the live update. */
	for (;;)
		pause();
}

static void print_content(int fd)
{
	char buffer[4096];
	ssize_t len;

	while ((len = check(read(fd, buffer, sizeof(buffer)), "read")) > 0)
		fwrite(buffer, 1, len, stdout);
}

static int new_kernel(void)
{
	struct liveupdate_ioctl_retrieve_session old = { .size = sizeof(old), .name = SESSION };
	struct liveupdate_session_retrieve_fd file = { .size = sizeof(file), .token = TOKEN };
	struct liveupdate_session_finish finish = { .size = sizeof(finish) };
	int luo = check(open("/dev/liveupdate", O_RDWR), "/dev/liveupdate");

	check(ioctl(luo, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, &old), "session");
	check(ioctl(old.fd, LIVEUPDATE_SESSION_RETRIEVE_FD, &file), "retrieve");
	print_content(file.fd);
	check(ioctl(old.fd, LIVEUPDATE_SESSION_FINISH, &finish), "finish");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "preserve"))
		return old_kernel(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "retrieve"))
		return new_kernel();
	fprintf(stderr, "usage: %s preserve PATH | retrieve\n", argv[0]);
	return 2;
}
