#include "flow/hook_expect.h"

#include <errno.h>
#include <string.h>

enum { WINDOW = 1 << 16, WINDOW_MAX = WINDOW + PUMP_SCRATCH + 1 };

static void keep_last(struct buf *b, size_t n)
{
    if (b->len <= n)
        return;
    memmove(b->data, b->data + b->len - n, n);
    b->len = n;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is that of struct pump_hook */
static int pass(struct pump_hook *hook, const char **bytes, size_t *n)
{
    struct hook_expect *h =
        (struct hook_expect *)((char *)hook - offsetof(struct hook_expect, hook));
    if (*n == 0 || h->found)
        return 0;
    buf_add(&h->window, *bytes, *n);
    if (h->window.failed)
        return -ENOMEM;
    regmatch_t all = {.rm_so = 0, .rm_eo = (regoff_t)h->window.len};
    /* REG_STARTEND: the bytes may be any, zeroes too (glibc has it from BSD). */
    h->found = regexec(&h->regex, buf_cstr(&h->window), 0, &all, REG_STARTEND) == 0;
    if (h->found)
        h->pump->left = *n;
    keep_last(&h->window, WINDOW);
    return 0;
}

int hook_expect_init(struct hook_expect *h, struct pump *pump, const char *regex, char *ret_fault,
                     size_t n)
{
    *h = (struct hook_expect){.hook.pass = pass, .pump = pump, .window = BUF_INIT(WINDOW_MAX)};
    int code = regcomp(&h->regex, regex, REG_EXTENDED | REG_NEWLINE | REG_NOSUB);
    if (code == 0)
        return 0;
    regerror(code, &h->regex, ret_fault, n);
    h->hook.pass = NULL;
    return -EINVAL;
}

void hook_expect_clear(struct hook_expect *h)
{
    if (h->hook.pass)
        regfree(&h->regex);
    h->hook.pass = NULL;
    buf_free(&h->window);
}
