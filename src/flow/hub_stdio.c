/* Members and standard output: one by pumps, several by whole lines with their number. */
#include <errno.h>
#include <stdlib.h>

#include "flow/hub_impl.h"

enum { TURN_BYTES = 4 << 20, BULK_BYTES = 1 << 20 };

static struct hub_member *of_tap(struct pump_hook *hook)
{
    return (struct hub_member *)((char *)hook - offsetof(struct hub_member, tap));
}

static struct hub_member *of_label(struct pump_hook *hook)
{
    return (struct hub_member *)((char *)hook - offsetof(struct hub_member, label));
}

/* A run of datagrams: each becomes a line. */
static int end_lines(struct hub_member *m, const char **bytes, size_t *n)
{
    struct buf *out = &m->hub->datagrams;
    size_t segment = m->dgram->segment ? m->dgram->segment : *n;
    buf_clear(out);
    for (size_t at = 0, one; at < *n; at += one) {
        one = segment < *n - at ? segment : *n - at;
        buf_add(out, *bytes + at, one);
        if ((*bytes)[at + one - 1] != '\n')
            buf_char(out, '\n');
    }
    *bytes = out->data;
    *n = out->len;
    return out->failed ? -ENOMEM : 0;
}

/* Counts what came, before it is escaped and marked. */
static int tap(struct pump_hook *hook, const char **bytes, size_t *n)
{
    struct hub_member *m = of_tap(hook);
    m->bytes_in += *n;
    return *n && m->dgram && m->dgram->whole ? end_lines(m, bytes, n) : 0;
}

/* Lines */

/* It goes on with its own unfinished line; another's is ended before. */
static void begin(struct hub_member *m, bool marked)
{
    struct hub *h = m->hub;
    if (h->mid_line == m->id && !(marked && h->unsure))
        return;
    if (h->mid_line)
        buf_char(&h->text, '\n');
    if (marked)
        buf_printf(&h->text, "[%lu] ", (unsigned long)m->id);
}

static void put(struct hub_member *m, const char *bytes, size_t n, bool marked)
{
    if (n == 0)
        return;
    begin(m, marked);
    buf_add(&m->hub->text, bytes, n);
    m->hub->mid_line = bytes[n - 1] == '\n' ? 0 : m->id;
    m->hub->unsure = false;
}

static void put_partial(struct hub_member *m, bool marked)
{
    if (m->partial.n == 0)
        return;
    put(m, queue_bytes(&m->partial), m->partial.n, marked);
    queue_clear(&m->partial);
}

static void put_line(struct hub_member *m, const char *bytes, size_t n)
{
    put_partial(m, true);
    put(m, bytes, n, true);
}

/* What it said last, though the line has no end: made one where others speak too. */
static void put_last(struct hub_member *m, bool marked)
{
    put_partial(m, marked);
    if (marked && m->hub->mid_line == m->id) {
        buf_char(&m->hub->text, '\n');
        m->hub->mid_line = 0;
    }
}

static int label(struct pump_hook *hook, const char **bytes, size_t *n)
{
    struct hub_member *m = of_label(hook);
    struct hub *h = m->hub;
    bool marked = h->n > 1;
    int result = 0;
    buf_clear(&h->text);
    if (*n == 0) {
        put_last(m, marked);
    } else if (marked) {
        result = hub_take_lines(m, *bytes, *n, put_line);
        if (m->dgram)
            put_last(m, true); /* of several that were read for it while it was alone */
    } else {
        put_partial(m, false);
        put(m, *bytes, *n, false);
    }
    *bytes = h->text.data;
    *n = h->text.len;
    return result < 0 || h->text.failed ? -ENOMEM : 0;
}

/* Joining and leaving */

int hub_stdio_hook(struct hub_member *m)
{
    if (m->hooked)
        return 0;
    if (m->hub->to_terminal && !m->hub->raw) {
        m->escape = malloc(sizeof *m->escape);
        if (!m->escape)
            return -ENOMEM;
        hook_escape_init(m->escape);
    }
    m->hooked = true;
    m->bytes_in += m->up.held_n - m->up.held_at + m->up.in_pipe; /* nobody counts them later */
    m->hooked_at = m->bytes_in;
    m->tap = (struct pump_hook){.pass = tap};
    m->label = (struct pump_hook){.pass = label};
    m->tap.next = m->escape ? &m->escape->hook : &m->label;
    if (m->escape)
        m->escape->hook.next = &m->label;
    m->up.hooks = &m->tap;
    m->up.chosen = false; /* the kernel can't move what is to be looked at */
    return 0;
}

void hub_stdio_join(struct hub_member *m)
{
    pump_init(&m->up, &m->s, &m->hub->stdio);
    pump_init(&m->down, &m->hub->stdio, &m->s);
    if (m->dgram) {
        dgram_join_pump(&m->up, m->dgram, NULL);
        dgram_join_pump(&m->down, NULL, m->dgram);
        m->up.chunk = DGRAM_LONGEST;
    }
    m->up.rate = m->rate_up;
    m->down.rate = m->rate_down;
    hub_stdio_hook(m); /* without memory its lines aren't marked */
}

/* Bulk of who is alone goes by itself, as fast as it can; then nobody sees how its lines end. */
static void unhook(struct hub_member *m)
{
    m->hooked = false;
    m->up.hooks = NULL;
    m->up.chosen = false;
    m->hub->mid_line = m->id;
    m->hub->unsure = true;
}

static bool is_bulk(const struct hub_member *m)
{
    return m->hooked && m->hub->n == 1 && !m->hub->to_terminal && !m->up.held &&
           m->partial.n == 0 && m->bytes_in - m->hooked_at >= BULK_BYTES;
}

void hub_stdio_leave(struct hub_member *m)
{
    pump_clear(&m->up);
    pump_clear(&m->down);
    if (m->escape)
        hook_escape_clear(m->escape);
    free(m->escape);
    m->escape = NULL;
    if (m->hub->n == 0 && !m->hub->to_terminal)
        m->hub->mid_line = 0; /* who comes next is alone: its bytes follow as they are */
}

int hub_stdio_up(struct hub_member *m, bool *ret_out_failed)
{
    struct hub *h = m->hub;
    uint64_t before = m->up.bytes;
    if (m->dgram)
        m->dgram->whole = h->n > 1;
    int result = pump_run(&m->up, h->scratch, TURN_BYTES, h->loop->now_ns);
    if (!m->hooked)
        m->bytes_in += m->up.bytes - before;
    else if (is_bulk(m))
        unhook(m);
    *ret_out_failed = result < 0 && m->up.failed_writing;
    if (m->up.held) {
        h->holder = m;
    } else if (h->holder == m) {
        h->holder = NULL;
        hub_wake_all(h);
    }
    return result;
}
