// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what a file handler is asked while a file is retrieved and
 * finished: a file is deserialized as after kexec, and the test decides what the
 * handler answers. Needs a kernel that runs with liveupdate=on.
 */

#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/liveupdate.h>
#include <linux/string.h>
#include "luo_internal.h"

#define TOKEN		1
#define DATA		0x1234
#define FILE_NAME	"kunit-retrieved-file"

static const struct file_operations fops;

/* What the handler answers, and what it was asked. */
static struct {
	int retrieve;
	int retrieve_again;
	bool can_retry;
	int nr_retrieve;
	int nr_retrieve_again;
	struct liveupdate_file_op_args can_finish;
	struct liveupdate_file_op_args finish;
	int nr_finish;
} fh;

static bool fh_can_preserve(struct liveupdate_file_handler *handler, struct file *file)
{
	return false;
}

static int fh_preserve(struct liveupdate_file_op_args *args)
{
	return -EOPNOTSUPP;
}

static void fh_unpreserve(struct liveupdate_file_op_args *args)
{
}

static int fh_retrieve(struct liveupdate_file_op_args *args)
{
	struct file *file;

	fh.nr_retrieve++;
	args->private_data = &fh;
	args->can_retry = fh.can_retry;
	if (fh.retrieve)
		return fh.retrieve;

	file = anon_inode_getfile("[kunit-luo]", &fops, NULL, O_RDWR);
	if (IS_ERR(file))
		return PTR_ERR(file);

	args->file = file;
	return 0;
}

static int fh_retrieve_again(struct liveupdate_file_op_args *args)
{
	fh.nr_retrieve_again++;
	return args->file && args->private_data == &fh ? fh.retrieve_again : -EINVAL;
}

static bool fh_can_finish(struct liveupdate_file_op_args *args)
{
	fh.can_finish = *args;
	return true;
}

static void fh_finish(struct liveupdate_file_op_args *args)
{
	fh.finish = *args;
	fh.nr_finish++;
}

/* A handler with all callbacks, and one that leaves out what is new. */
static const struct liveupdate_file_ops all_ops = {
	.can_preserve	= fh_can_preserve,
	.preserve	= fh_preserve,
	.unpreserve	= fh_unpreserve,
	.retrieve	= fh_retrieve,
	.retrieve_again	= fh_retrieve_again,
	.can_finish	= fh_can_finish,
	.finish		= fh_finish,
	.owner		= THIS_MODULE,
};

static const struct liveupdate_file_ops few_ops = {
	.can_preserve	= fh_can_preserve,
	.preserve	= fh_preserve,
	.unpreserve	= fh_unpreserve,
	.retrieve	= fh_retrieve,
	.can_finish	= fh_can_finish,
	.finish		= fh_finish,
	.owner		= THIS_MODULE,
};

static struct liveupdate_file_handler handlers[] = {
	{ .ops = &all_ops, .compatible = FILE_NAME },
	{ .ops = &few_ops, .compatible = FILE_NAME "-few" },
};

static struct luo_file_set file_set;

static int luo_file_test_init(struct kunit *test)
{
	if (!liveupdate_enabled())
		kunit_skip(test, "needs liveupdate=on");

	memset(&fh, 0, sizeof(fh));
	luo_file_set_init(&file_set);

	return 0;
}

/* A file of @handler, as the previous kernel handed it over. */
static void deserialize(struct kunit *test, struct liveupdate_file_handler *handler)
{
	struct luo_file_ser ser = { .data = DATA, .token = TOKEN };

	strscpy(ser.compatible, handler->compatible, sizeof(ser.compatible));
	KUNIT_ASSERT_EQ(test, liveupdate_register_file_handler(handler), 0);
	KUNIT_ASSERT_EQ(test, luo_file_deserialize_one(&file_set, &ser), 0);
	file_set.count++;
}

static void finish(struct kunit *test, struct liveupdate_file_handler *handler)
{
	KUNIT_EXPECT_EQ(test, luo_file_finish(&file_set), 0);
	KUNIT_EXPECT_EQ(test, fh.nr_finish, 1);
	liveupdate_unregister_file_handler(handler);
}

static int retrieve(struct file **filep)
{
	return luo_retrieve_file(&file_set, TOKEN, filep);
}

static void luo_file_test_retrieve_again(struct kunit *test)
{
	struct file *first, *second;

	deserialize(test, &handlers[0]);
	KUNIT_ASSERT_EQ(test, retrieve(&first), 0);
	KUNIT_EXPECT_EQ(test, fh.nr_retrieve_again, 0);

	KUNIT_ASSERT_EQ(test, retrieve(&second), 0);
	KUNIT_EXPECT_PTR_EQ(test, second, first);
	fput(second);

	/* Refused to one process, and not to the next one. */
	fh.retrieve_again = -EPERM;
	KUNIT_EXPECT_EQ(test, retrieve(&second), -EPERM);
	KUNIT_EXPECT_EQ(test, file_count(first), 2);
	fh.retrieve_again = 0;
	KUNIT_ASSERT_EQ(test, retrieve(&second), 0);
	fput(second);

	KUNIT_EXPECT_EQ(test, fh.nr_retrieve, 1);
	KUNIT_EXPECT_EQ(test, fh.nr_retrieve_again, 3);
	fput(first);
	finish(test, &handlers[0]);
}

/* The callback is optional. */
static void luo_file_test_retrieve_unasked(struct kunit *test)
{
	struct file *first, *second;

	deserialize(test, &handlers[1]);
	KUNIT_ASSERT_EQ(test, retrieve(&first), 0);
	KUNIT_ASSERT_EQ(test, retrieve(&second), 0);
	KUNIT_EXPECT_PTR_EQ(test, second, first);
	KUNIT_EXPECT_EQ(test, fh.nr_retrieve, 1);
	fput(second);
	fput(first);
	finish(test, &handlers[1]);
}

static void luo_file_test_failure_is_final(struct kunit *test)
{
	struct file *file;

	deserialize(test, &handlers[0]);
	fh.retrieve = -EAGAIN;
	KUNIT_EXPECT_EQ(test, retrieve(&file), -EAGAIN);
	fh.retrieve = 0;
	KUNIT_EXPECT_EQ(test, retrieve(&file), -EAGAIN);
	KUNIT_EXPECT_EQ(test, fh.nr_retrieve, 1);

	finish(test, &handlers[0]);
	KUNIT_EXPECT_EQ(test, fh.finish.retrieve_status, -EAGAIN);
	KUNIT_EXPECT_PTR_EQ(test, fh.finish.private_data, (void *)&fh);
}

static void luo_file_test_can_retry(struct kunit *test)
{
	struct file *file;

	deserialize(test, &handlers[0]);
	fh.retrieve = -EAGAIN;
	fh.can_retry = true;
	KUNIT_EXPECT_EQ(test, retrieve(&file), -EAGAIN);
	KUNIT_EXPECT_EQ(test, retrieve(&file), -EAGAIN);

	/* The next failure is another one, and final. */
	fh.retrieve = -EIO;
	fh.can_retry = false;
	KUNIT_EXPECT_EQ(test, retrieve(&file), -EIO);
	fh.retrieve = 0;
	KUNIT_EXPECT_EQ(test, retrieve(&file), -EIO);
	KUNIT_EXPECT_EQ(test, fh.nr_retrieve, 3);
	finish(test, &handlers[0]);
}

static void luo_file_test_retry_succeeds(struct kunit *test)
{
	struct file *file;

	deserialize(test, &handlers[0]);
	fh.retrieve = -EAGAIN;
	fh.can_retry = true;
	KUNIT_EXPECT_EQ(test, retrieve(&file), -EAGAIN);
	fh.retrieve = 0;
	KUNIT_ASSERT_EQ(test, retrieve(&file), 0);
	fput(file);

	finish(test, &handlers[0]);
	KUNIT_EXPECT_GT(test, fh.finish.retrieve_status, 0);
}

/* A failure that is not remembered leaves a file that nobody has retrieved. */
static void luo_file_test_retry_never_comes(struct kunit *test)
{
	struct file *file;

	deserialize(test, &handlers[0]);
	fh.retrieve = -EAGAIN;
	fh.can_retry = true;
	KUNIT_EXPECT_EQ(test, retrieve(&file), -EAGAIN);

	finish(test, &handlers[0]);
	KUNIT_EXPECT_EQ(test, fh.can_finish.retrieve_status, 0);
	KUNIT_EXPECT_EQ(test, fh.finish.retrieve_status, 0);
	KUNIT_EXPECT_NULL(test, fh.finish.file);
	KUNIT_EXPECT_EQ(test, fh.finish.serialized_data, DATA);
}

static void luo_file_test_in_use(struct kunit *test)
{
	struct file *file;

	deserialize(test, &handlers[0]);
	KUNIT_ASSERT_EQ(test, retrieve(&file), 0);
	finish(test, &handlers[0]);
	KUNIT_EXPECT_TRUE(test, fh.can_finish.in_use);
	KUNIT_EXPECT_PTR_EQ(test, fh.can_finish.private_data, (void *)&fh);
	KUNIT_EXPECT_PTR_EQ(test, fh.finish.private_data, (void *)&fh);
	fput(file);
}

static void luo_file_test_not_in_use(struct kunit *test)
{
	struct file *file;

	deserialize(test, &handlers[0]);
	KUNIT_ASSERT_EQ(test, retrieve(&file), 0);
	fput(file);
	finish(test, &handlers[0]);
	KUNIT_EXPECT_NOT_NULL(test, fh.can_finish.file);
	KUNIT_EXPECT_FALSE(test, fh.can_finish.in_use);
}

static void luo_file_test_not_retrieved(struct kunit *test)
{
	deserialize(test, &handlers[0]);
	finish(test, &handlers[0]);
	KUNIT_EXPECT_FALSE(test, fh.can_finish.in_use);
	KUNIT_EXPECT_NULL(test, fh.finish.private_data);
}

static struct kunit_case luo_file_test_cases[] = {
	KUNIT_CASE(luo_file_test_retrieve_again),
	KUNIT_CASE(luo_file_test_retrieve_unasked),
	KUNIT_CASE(luo_file_test_failure_is_final),
	KUNIT_CASE(luo_file_test_can_retry),
	KUNIT_CASE(luo_file_test_retry_succeeds),
	KUNIT_CASE(luo_file_test_retry_never_comes),
	KUNIT_CASE(luo_file_test_in_use),
	KUNIT_CASE(luo_file_test_not_in_use),
	KUNIT_CASE(luo_file_test_not_retrieved),
	{}
};

static struct kunit_suite luo_file_test_suite = {
	.name = "luo_file",
	.init = luo_file_test_init,
	.test_cases = luo_file_test_cases,
};

kunit_test_suite(luo_file_test_suite);
