/* `berth explain bind` of a range of ports: what of it is free. */
#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "cmd/explain_bind.h"

/* Ports in a row. */
struct run {
    uint32_t first, last;
};

static int free_runs(const struct bind_question *q, const struct predict_candidate *c,
                     struct vec *ret)
{
    struct predict_candidate one = *c;
    struct run *open = NULL;
    struct err e;
    for (uint32_t port = q->endpoint->port; port <= q->endpoint->port_last; port++) {
        const struct predict_host *host;
        struct predict_bind b;
        if (port == 0)
            continue;
        one.port = (uint16_t)port;
        /* All ports in one look: a thousand of them asked one by one would take longer. */
        int result = explain_host_at(q->host, c->kind, 0, &host, &e);
        if (result == 0)
            result = predict_bind(&one, host, &b);
        if (result < 0)
            return result;
        bool yes = b.verdict == PREDICT_SUCCEEDS;
        predict_bind_clear(&b);
        if (!yes) {
            open = NULL;
        } else if (open) {
            open->last = port;
        } else {
            open = vec_push(ret);
            if (!open)
                return -ENOMEM;
            *open = (struct run){port, port};
        }
    }
    return 0;
}

static void json_runs(struct jsonw *j, const struct vec *runs)
{
    jsonw_array(j);
    for (size_t i = 0; i < runs->len; i++) {
        const struct run *r = vec_at(runs, i);
        jsonw_object(j);
        jsonw_key(j, "first");
        jsonw_u64(j, r->first);
        jsonw_key(j, "last");
        jsonw_u64(j, r->last);
        jsonw_object_end(j);
    }
    jsonw_array_end(j);
}

static void put_range(struct buf *out, uint32_t first, uint32_t last, bool *ret_any)
{
    buf_printf(out, *ret_any ? ", %u" : "%u", first);
    if (last > first)
        buf_printf(out, "-%u", last);
    *ret_any = true;
}

static void put_runs(struct buf *out, const struct vec *runs)
{
    bool any = false;
    for (size_t i = 0; i < runs->len; i++) {
        const struct run *r = vec_at(runs, i);
        put_range(out, r->first, r->last, &any);
    }
    buf_str(out, any ? "\n" : "none\n");
}

/* 0 where each address has a free port, else EXIT_NO. */
int explain_bind_show_range(struct output *o, struct bind_question *q, const struct vec *targets)
{
    struct jsonw j = JSONW_INIT(&o->out.buf);
    bool json = o->options.format == RENDER_JSON;
    int status = EXIT_YES;
    if (json) {
        jsonw_object(&j);
        jsonw_key(&j, "addresses");
        jsonw_array(&j);
    }
    for (size_t i = 0; i < targets->len; i++) {
        const struct target *t = vec_at(targets, i);
        _cleanup_vec_ struct vec runs = VEC_INIT(struct run);
        _cleanup_buf_ struct buf address = BUF_INIT(128);
        struct predict_candidate c;
        target_get_ip(&t->address, &c.addr, &c.port);
        if (c.port != q->endpoint->port)
            continue; /* the same address with the range's next port */
        explain_bind_candidate(q, t, &c);
        if (free_runs(q, &c, &runs) < 0)
            return EXIT_NO;
        if (runs.len == 0)
            status = EXIT_NO;
        net_addr_format(&address, &c.addr);
        if (!json) {
            buf_printf(&o->out.buf, "free on %s: ", buf_cstr(&address));
            put_runs(&o->out.buf, &runs);
            continue;
        }
        jsonw_object(&j);
        jsonw_key(&j, "address");
        jsonw_text(&j, address.data, address.len);
        jsonw_key(&j, "free");
        json_runs(&j, &runs);
        jsonw_object_end(&j);
    }
    if (json) {
        jsonw_array_end(&j);
        jsonw_object_end(&j);
        buf_char(&o->out.buf, '\n');
    }
    return status;
}
