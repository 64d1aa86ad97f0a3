/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's harness, with patience for a debug kernel on a machine that is busy. */
#ifndef _SELFTESTS_HARNESS_H
#define _SELFTESTS_HARNESS_H

#include "../kselftest_harness.h"

/* Seconds, of a test that does not say otherwise. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600

#endif /* _SELFTESTS_HARNESS_H */
