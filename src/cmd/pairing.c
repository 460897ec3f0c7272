#include "cmd/pairing.h"

#include "flow/ends.h"

static const struct stream *stream_of(const struct pair *p, int side)
{
    return side == 0 ? &p->a : &p->b;
}

/* Whether this side never says that it has said all. */
static bool is_endless(const struct pairing_side *s)
{
    return s->scheme == ENDPOINT_SERIAL || (s->datagrams && !s->datagrams->packets);
}

static enum pair_on_end on_end_of(const struct pair *p, const struct pairing_side sides[2],
                                  int side)
{
    enum endpoint_scheme scheme = sides[side].scheme;
    if (stream_of(p, side)->in_kind == STREAM_NONE)
        return PAIR_KEEP; /* it only listens */
    if (scheme == ENDPOINT_EXEC || scheme == ENDPOINT_PTY || is_endless(&sides[!side]))
        return PAIR_LEAVE;
    /* A person has nothing more to say to somebody who is gone. */
    if (sides[!side].scheme == ENDPOINT_STDIO && stream_of(p, !side)->in_kind == STREAM_TERMINAL)
        return PAIR_END;
    return PAIR_PASS;
}

void pairing_set(struct pair *p, const struct pairing_side sides[2])
{
    p->on_a_end = on_end_of(p, sides, 0);
    p->on_b_end = on_end_of(p, sides, 1);
    p->lingers = sides[0].scheme == ENDPOINT_SERIAL || sides[1].scheme == ENDPOINT_SERIAL;
    dgram_join(p, sides[0].datagrams, sides[1].datagrams);
}

/* What is here, and no socket, is no stranger's. */
bool pairing_escapes(const struct pair *p, const struct pairing_side sides[2], int from)
{
    return !end_is_for(sides[from].scheme) && sides[!from].scheme == ENDPOINT_STDIO &&
           stream_of(p, !from)->out_kind == STREAM_TERMINAL;
}
