/* Members and standard output: one by pumps, several by whole lines with their number. */
#include <errno.h>
#include <stdlib.h>

#include "flow/hub_impl.h"

enum { TURN_BYTES = 4 << 20, READ_BYTES = 1 << 16 };

static struct hub_member *of_tap(struct pump_hook *hook)
{
    return (struct hub_member *)((char *)hook - offsetof(struct hub_member, tap));
}

static struct hub_member *of_label(struct pump_hook *hook)
{
    return (struct hub_member *)((char *)hook - offsetof(struct hub_member, label));
}

/* Counts what came, before it is escaped and marked. */
// NOLINTNEXTLINE(readability-non-const-parameter): the shape of a hook
static int tap(struct pump_hook *hook, const char **bytes, size_t *n)
{
    (void)bytes;
    of_tap(hook)->bytes_in += *n;
    return 0;
}

/* Lines */

/* Another's unfinished line is ended before. */
static void begin(struct hub_member *m, bool marked)
{
    struct hub *h = m->hub;
    if (h->mid_line && h->mid_line != m->id) {
        buf_char(&h->text, '\n');
        m->continues = false;
    }
    if (marked && !m->continues)
        buf_printf(&h->text, "[%lu] ", (unsigned long)m->id);
}

static void put(struct hub_member *m, const char *bytes, size_t n, bool marked)
{
    if (n == 0)
        return;
    begin(m, marked);
    buf_add(&m->hub->text, bytes, n);
    m->continues = bytes[n - 1] != '\n';
    m->hub->mid_line = m->continues ? m->id : 0;
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
    if (marked && m->continues) {
        buf_char(&m->hub->text, '\n');
        m->continues = false;
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
            put_last(m, true); /* a datagram is whole as it is */
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
    m->plain_in = m->bytes_in;
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
        m->up.chunk = READ_BYTES;
    }
    m->up.rate = m->rate_up;
    m->down.rate = m->rate_down;
    if (m->hub->to_terminal)
        hub_stdio_hook(m);
}

void hub_stdio_leave(struct hub_member *m)
{
    pump_clear(&m->up);
    pump_clear(&m->down);
    if (m->escape)
        hook_escape_clear(m->escape);
    free(m->escape);
    m->escape = NULL;
}

int hub_stdio_up(struct hub_member *m, bool *ret_out_failed)
{
    struct hub *h = m->hub;
    uint64_t before = m->up.bytes;
    int result = pump_run(&m->up, h->scratch, TURN_BYTES, h->loop->now_ns);
    if (!m->hooked)
        m->bytes_in += m->up.bytes - before;
    *ret_out_failed = result < 0 && m->up.failed_writing;
    if (m->up.held) {
        h->holder = m;
    } else if (h->holder == m) {
        h->holder = NULL;
        hub_wake_all(h);
    }
    return result;
}
