#include "flow/hook_escape.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

/* Each byte becomes four at most. */
enum { IN_MAX = PUMP_SCRATCH + 4, OUT_MAX = 4 * IN_MAX };

static size_t char_length(unsigned char lead)
{
    if (lead >= 0xc2 && lead < 0xe0)
        return 2;
    if (lead >= 0xe0 && lead < 0xf0)
        return 3;
    return lead >= 0xf0 && lead < 0xf5 ? 4 : 1;
}

/* Whether all n bytes are the beginning of something that the next read may complete. */
static bool is_unfinished(const char *bytes, size_t n)
{
    if (n == 1 && bytes[0] == '\r')
        return true;
    if (n >= char_length((unsigned char)bytes[0]))
        return false;
    for (size_t i = 1; i < n; i++)
        if ((unsigned char)bytes[i] >> 6 != 2)
            return false;
    return true;
}

static bool passes(const char *bytes, size_t n)
{
    return bytes[0] == '\n' || bytes[0] == '\t' || bytes[0] == '\\' ||
           (n > 1 && bytes[0] == '\r' && bytes[1] == '\n');
}

/* How many of the n bytes were dealt with: all, but for a beginning that waits for its rest. */
static size_t escape(struct buf *out, const char *bytes, size_t n, bool at_end)
{
    size_t at = 0;
    while (at < n) {
        size_t left = n - at, plain = text_plain_length(bytes + at, left);
        buf_add(out, bytes + at, plain);
        at += plain;
        left -= plain;
        if (left == 0)
            break;
        if (passes(bytes + at, left)) {
            buf_char(out, bytes[at++]);
            continue;
        }
        if (!at_end && left < 4 && is_unfinished(bytes + at, left))
            break;
        unsigned c;
        size_t one = text_decode_utf8(bytes + at, left, &c);
        text_escape(out, bytes + at, one ? one : 1);
        at += one ? one : 1;
    }
    return at;
}

/* The held beginning goes before the new bytes. */
static void join(struct hook_escape *h, const char **bytes, size_t *n)
{
    if (h->held_n == 0)
        return;
    buf_clear(&h->in);
    buf_add(&h->in, h->held, h->held_n);
    buf_add(&h->in, *bytes, *n);
    *bytes = h->in.data;
    *n = h->in.len;
    h->held_n = 0;
}

static int pass(struct pump_hook *hook, const char **bytes, size_t *n)
{
    struct hook_escape *h =
        (struct hook_escape *)((char *)hook - offsetof(struct hook_escape, hook));
    bool at_end = *n == 0;
    buf_clear(&h->out);
    join(h, bytes, n);
    size_t used = escape(&h->out, *bytes, *n, at_end);
    h->held_n = *n - used;
    memcpy(h->held, *bytes + used, h->held_n);
    if (h->in.failed || h->out.failed)
        return -ENOMEM;
    *bytes = h->out.data;
    *n = h->out.len;
    return 0;
}

void hook_escape_init(struct hook_escape *h)
{
    *h = (struct hook_escape){.hook.pass = pass, .in = BUF_INIT(IN_MAX), .out = BUF_INIT(OUT_MAX)};
}

void hook_escape_clear(struct hook_escape *h)
{
    buf_free(&h->in);
    buf_free(&h->out);
}
