/* Members who talk to each other: each whole line goes to all others, with the speaker's number. */
#include <errno.h>
#include <string.h>

#include "flow/hub_impl.h"

enum { READ_BYTES = 1 << 16 };

static void put(struct hub_member *m, const char *bytes, size_t n)
{
    struct buf *text = &m->hub->text;
    buf_printf(text, "[%lu] ", (unsigned long)m->id);
    if (m->partial.n)
        buf_add(text, queue_bytes(&m->partial), m->partial.n);
    queue_clear(&m->partial);
    buf_add(text, bytes, n);
    if (text->data && text->data[text->len - 1] != '\n')
        buf_char(text, '\n');
}

static void speak(struct hub_member *m)
{
    struct buf *text = &m->hub->text;
    if (text->len && !text->failed)
        hub_broadcast(m->hub, m, text->data, text->len);
}

int hub_chat_up(struct hub_member *m)
{
    struct hub *h = m->hub;
    size_t most = READ_BYTES;
    if (!m->s.can_read)
        return PUMP_WAITS;
    if (m->rate_up)
        most = rate_allows(m->rate_up, most, h->loop->now_ns);
    if (most == 0)
        return PUMP_RATED;
    ssize_t got = stream_read(&m->s, h->scratch, most);
    if (got == -EAGAIN)
        return PUMP_WAITS;
    if (got < 0)
        return (int)got;
    buf_clear(&h->text);
    m->bytes_in += (uint64_t)got;
    if (m->rate_up)
        rate_take(m->rate_up, (size_t)got, h->loop->now_ns);
    if (got == 0 && m->partial.n)
        put(m, "", 0);
    int result = hub_take_lines(m, h->scratch, (size_t)got, put);
    if (result < 0)
        return result;
    speak(m);
    return got == 0 ? PUMP_ENDED : PUMP_MORE;
}
