// SPDX-License-Identifier: GPL-2.0
/* The same under another name: LUO has room for the handler of one of them. */

#include "c_driver.c"
