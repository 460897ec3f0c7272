/* Looks for a regular expression in the bytes that go by, and lets its pump end behind the read in
 * which it is found.
 *
 * The expression is POSIX's extended one (regex(7)), ^ and $ being the beginnings and ends of
 * lines. What matches may be split over reads, and lie within 64 KiB. It has to be the first of its
 * pump's hooks: it counts bytes as they were read.
 */
#pragma once
#include <regex.h>
#include <stdbool.h>

#include "base/buf.h"
#include "flow/pump.h"

struct hook_expect {
    struct pump_hook hook; /* add this to a pump */
    struct pump *pump;
    regex_t regex;
    struct buf window; /* the last that came */
    bool found;
};

/* 0, or -EINVAL with what is wrong with the expression in *ret_fault (of n bytes). */
int hook_expect_init(struct hook_expect *h, struct pump *pump, const char *regex, char *ret_fault,
                     size_t n);
void hook_expect_clear(struct hook_expect *h);
