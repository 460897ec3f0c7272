#include "flow/hook_crlf.h"

#include <errno.h>
#include <string.h>

static void pass_line(struct hook_crlf *h, const char *line, size_t n)
{
    if (n > 0)
        h->after_cr = line[n - 1] == '\r';
    buf_add(&h->out, line, n);
}

static int pass(struct pump_hook *hook, const char **bytes, size_t *n)
{
    struct hook_crlf *h = (struct hook_crlf *)((char *)hook - offsetof(struct hook_crlf, hook));
    const char *at = *bytes, *end = at + *n;
    buf_clear(&h->out);
    while (at < end) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        pass_line(h, at, (size_t)((feed ? feed : end) - at));
        if (!feed)
            break;
        buf_str(&h->out, h->after_cr ? "\n" : "\r\n");
        h->after_cr = false;
        at = feed + 1;
    }
    if (h->out.failed)
        return -ENOMEM;
    *bytes = h->out.data;
    *n = h->out.len;
    return 0;
}

void hook_crlf_init(struct hook_crlf *h)
{
    *h = (struct hook_crlf){.hook.pass = pass, .out = BUF_INIT(2 * PUMP_SCRATCH)};
}

void hook_crlf_clear(struct hook_crlf *h)
{
    buf_free(&h->out);
}
