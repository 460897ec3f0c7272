#include "flow/recording.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"

enum { NS_PER_S = 1000000000, NS_PER_US = 1000, HEX_WIDTH = 16 };

void recording_put(struct buf *out, const struct recording_event *e)
{
    buf_printf(out, "%c %lu.%09lu %zu\n", e->direction, e->at_ns / NS_PER_S, e->at_ns % NS_PER_S,
               e->n);
    buf_add(out, e->bytes, e->n);
    buf_char(out, '\n');
}

/* Reading */

struct cursor {
    const char *at, *end;
};

static bool take(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool read_number(struct cursor *c, uint64_t most, uint64_t *ret)
{
    uint64_t value = 0;
    const char *from = c->at;
    for (; c->at < c->end && isdigit((unsigned char)*c->at); c->at++) {
        value = value * 10 + (uint64_t)(*c->at - '0');
        if (value > most)
            return false;
    }
    *ret = value;
    return c->at > from;
}

static bool read_time(struct cursor *c, uint64_t *ret_ns)
{
    uint64_t seconds, ns;
    if (!read_number(c, UINT32_MAX, &seconds) || !take(c, '.'))
        return false;
    const char *digits = c->at;
    if (!read_number(c, NS_PER_S - 1, &ns) || c->at - digits != 9)
        return false;
    *ret_ns = seconds * NS_PER_S + ns;
    return true;
}

static bool read_event(struct cursor *c, struct recording_event *ret)
{
    struct recording_event e = {.direction = *c->at};
    uint64_t n;
    if (!take(c, '>') && !take(c, '<'))
        return false;
    if (!take(c, ' ') || !read_time(c, &e.at_ns) || !take(c, ' ') ||
        !read_number(c, (uint64_t)(c->end - c->at), &n) || !take(c, '\n') ||
        n > (uint64_t)(c->end - c->at))
        return false;
    e.bytes = c->at;
    e.n = (size_t)n;
    c->at += n;
    if (!take(c, '\n'))
        return false;
    *ret = e;
    return true;
}

int recording_next(const char *file, size_t n, size_t *at, struct recording_event *ret)
{
    static const char header[] = RECORDING_HEADER;
    size_t start = *at;
    if (start == 0) {
        if (n < sizeof header - 1 || memcmp(file, header, sizeof header - 1) != 0)
            return -EINVAL;
        start = sizeof header - 1;
    }
    struct cursor c = {file + start, file + n};
    if (c.at == c.end)
        return 0;
    if (!read_event(&c, ret))
        return -EINVAL;
    *at = (size_t)(c.at - file);
    return 1;
}

/* For people */

static void put_line(struct buf *out, const struct recording_event *e, size_t from, uint64_t offset)
{
    size_t n = e->n - from < HEX_WIDTH ? e->n - from : HEX_WIDTH;
    buf_printf(out, "%c %lu.%06lu %08lx ", e->direction, e->at_ns / NS_PER_S,
               e->at_ns % NS_PER_S / NS_PER_US, offset);
    for (size_t i = 0; i < HEX_WIDTH; i++) {
        buf_str(out, i == HEX_WIDTH / 2 ? "  " : " ");
        if (i < n)
            buf_printf(out, "%02x", (unsigned char)e->bytes[from + i]);
        else
            buf_str(out, "  ");
    }
    buf_str(out, "  |");
    for (size_t i = 0; i < n; i++) {
        char c = e->bytes[from + i];
        buf_char(out, c >= ' ' && c < 0x7f ? c : '.');
    }
    buf_str(out, "|\n");
}

void recording_hexdump(struct buf *out, const struct recording_event *e, uint64_t *offset)
{
    for (size_t at = 0; at < e->n; at += HEX_WIDTH)
        put_line(out, e, at, *offset + at);
    *offset += e->n;
}
