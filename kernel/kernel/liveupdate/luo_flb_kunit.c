// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the dependency of file handlers on FLBs: with real files, which
 * are preserved and unpreserved. Needs a kernel that runs with liveupdate=on.
 */

#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kexec_handover.h>
#include <linux/liveupdate.h>
#include "luo_internal.h"

#define TOKEN		1
#define FILE_NAME	"kunit-file"
#define FLB_NAME	"kunit-flb-"

static const struct file_operations fops;

/* How often each FLB is preserved; 0 or 1 if LUO counts right. */
static int nr_preserved[2];

static bool fh_can_preserve(struct liveupdate_file_handler *fh, struct file *file)
{
	return file->f_op == &fops;
}

static int fh_preserve(struct liveupdate_file_op_args *args)
{
	return 0;
}

static void fh_unpreserve(struct liveupdate_file_op_args *args)
{
}

static int fh_retrieve(struct liveupdate_file_op_args *args)
{
	return -EOPNOTSUPP;
}

static void fh_finish(struct liveupdate_file_op_args *args)
{
}

static const struct liveupdate_file_ops fh_ops = {
	.can_preserve	= fh_can_preserve,
	.preserve	= fh_preserve,
	.unpreserve	= fh_unpreserve,
	.retrieve	= fh_retrieve,
	.finish		= fh_finish,
	.owner		= THIS_MODULE,
};

static struct liveupdate_flb flbs[2];

static int flb_preserve(struct liveupdate_flb_op_args *args)
{
	nr_preserved[args->flb - flbs]++;
	args->obj = args->flb;

	return 0;
}

static void flb_unpreserve(struct liveupdate_flb_op_args *args)
{
	nr_preserved[args->flb - flbs]--;
}

static int flb_retrieve(struct liveupdate_flb_op_args *args)
{
	return -EOPNOTSUPP;
}

static void flb_finish(struct liveupdate_flb_op_args *args)
{
}

static const struct liveupdate_flb_ops flb_ops = {
	.preserve	= flb_preserve,
	.unpreserve	= flb_unpreserve,
	.retrieve	= flb_retrieve,
	.finish		= flb_finish,
	.owner		= THIS_MODULE,
};

static struct liveupdate_flb flbs[2] = {
	{ .ops = &flb_ops, .compatible = FLB_NAME "0" },
	{ .ops = &flb_ops, .compatible = FLB_NAME "1" },
};

static struct liveupdate_file_handler handler;
static struct luo_file_set file_set;

/* A handler that LUO has never seen, and no files. */
static int luo_flb_test_init(struct kunit *test)
{
	struct liveupdate_file_handler fresh = {
		.ops = &fh_ops, .compatible = FILE_NAME,
	};

	if (!kho_is_enabled() || !liveupdate_enabled())
		kunit_skip(test, "needs kho=on liveupdate=on");

	memcpy(&handler, &fresh, sizeof(handler));
	memset(nr_preserved, 0, sizeof(nr_preserved));
	luo_file_set_init(&file_set);

	return 0;
}

static void preserve(struct kunit *test)
{
	int fd = anon_inode_getfd("[kunit-luo]", &fops, NULL, O_RDWR | O_CLOEXEC);
	int err;

	KUNIT_ASSERT_GE(test, fd, 0);
	err = luo_preserve_file(&file_set, TOKEN, fd);
	close_fd(fd);
	KUNIT_ASSERT_EQ(test, err, 0);
}

static void luo_flb_test_before_handler(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, liveupdate_register_flb(&handler, &flbs[0]), 0);
	KUNIT_EXPECT_EQ(test, liveupdate_register_flb(&handler, &flbs[0]), -EEXIST);
	KUNIT_ASSERT_EQ(test, liveupdate_register_file_handler(&handler), 0);

	preserve(test);
	KUNIT_EXPECT_EQ(test, nr_preserved[0], 1);
	luo_file_unpreserve_files(&file_set);
	KUNIT_EXPECT_EQ(test, nr_preserved[0], 0);

	liveupdate_unregister_file_handler(&handler);
}

static void luo_flb_test_busy(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, liveupdate_register_flb(&handler, &flbs[0]), 0);
	KUNIT_ASSERT_EQ(test, liveupdate_register_file_handler(&handler), 0);

	preserve(test);
	KUNIT_EXPECT_EQ(test, liveupdate_register_flb(&handler, &flbs[1]), -EBUSY);
	liveupdate_unregister_flb(&handler, &flbs[0]);
	luo_file_unpreserve_files(&file_set);
	KUNIT_EXPECT_EQ(test, nr_preserved[0], 0);
	KUNIT_EXPECT_EQ(test, nr_preserved[1], 0);

	/* Both are possible again. */
	KUNIT_EXPECT_EQ(test, liveupdate_register_flb(&handler, &flbs[1]), 0);
	liveupdate_unregister_flb(&handler, &flbs[0]);
	preserve(test);
	KUNIT_EXPECT_EQ(test, nr_preserved[0], 0);
	KUNIT_EXPECT_EQ(test, nr_preserved[1], 1);
	luo_file_unpreserve_files(&file_set);

	liveupdate_unregister_file_handler(&handler);
}

static void luo_flb_test_handler_fails(struct kunit *test)
{
	static struct liveupdate_file_handler twin = {
		.ops = &fh_ops, .compatible = FILE_NAME,
	};

	KUNIT_ASSERT_EQ(test, liveupdate_register_file_handler(&twin), 0);
	KUNIT_ASSERT_EQ(test, liveupdate_register_flb(&handler, &flbs[0]), 0);
	KUNIT_EXPECT_EQ(test, liveupdate_register_file_handler(&handler), -EEXIST);
	liveupdate_unregister_flb(&handler, &flbs[0]);

	/* The files of the other handler do not depend on it. */
	preserve(test);
	KUNIT_EXPECT_EQ(test, nr_preserved[0], 0);
	luo_file_unpreserve_files(&file_set);

	liveupdate_unregister_file_handler(&twin);
}

static struct kunit_case luo_flb_test_cases[] = {
	KUNIT_CASE(luo_flb_test_before_handler),
	KUNIT_CASE(luo_flb_test_busy),
	KUNIT_CASE(luo_flb_test_handler_fails),
	{}
};

static struct kunit_suite luo_flb_test_suite = {
	.name = "luo_flb",
	.init = luo_flb_test_init,
	.test_cases = luo_flb_test_cases,
};

kunit_test_suite(luo_flb_test_suite);
