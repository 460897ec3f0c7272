#include "cmd/explain_firewall.h"

#include <errno.h>

#include "base/err.h"

static int read_all(void *ctx, struct err *e)
{
    struct explain_firewall *f = ctx;
    bool unread;
    (void)e;
    f->exists = firewall_exists();
    if (f->exists != 1)
        return 0;
    f->error = firewall_read(&f->rules);
    forwards_read(&f->forwards, &unread);
    return 0;
}

void explain_firewall_look(struct explain_host *h, struct explain_firewall *f)
{
    struct err e;
    if (f->looked)
        return;
    *f = (struct explain_firewall){.looked = true,
                                   .exists = -ENOENT,
                                   .rules = FIREWALL_INIT,
                                   .forwards = VEC_INIT(struct kernel_forward)};
    if (h->reader && sockets_visit(&h->sockets, read_all, f, &e) < 0)
        f->exists = -EPERM;
}

void explain_firewall_clear(struct explain_firewall *f)
{
    firewall_free(&f->rules);
    vec_free(&f->forwards);
}

/* Packets */

enum {
    COMING = 1 << FIREWALL_INGRESS | 1 << FIREWALL_PREROUTING | 1 << FIREWALL_INPUT,
    GOING = 1 << FIREWALL_OUTPUT | 1 << FIREWALL_POSTROUTING | 1 << FIREWALL_EGRESS
};

static struct firewall_packet first_packet(const struct explain_passage *p)
{
    static const char loopback[] = "lo";
    const char *device = p->way == EXPLAIN_STAYS ? loopback : p->device;
    return (struct firewall_packet){.kind = p->kind,
                                    .from = p->from,
                                    .to = p->to,
                                    .from_port = p->from_port,
                                    .to_port = {p->to_port, p->to_port},
                                    .in = p->way == EXPLAIN_GOES_OUT ? NULL : device,
                                    .out = p->way == EXPLAIN_COMES_IN ? NULL : device,
                                    .hooks = (p->way == EXPLAIN_GOES_OUT ? 0 : COMING) |
                                             (p->way == EXPLAIN_COMES_IN ? 0 : GOING)};
}

static struct firewall_packet answer_to(const struct firewall_packet *first)
{
    struct firewall_packet p = *first;
    p.from = first->to;
    p.to = first->from;
    p.to.family = first->to.family;
    p.from_port = first->to_port;
    p.to_port = first->from_port;
    p.in = first->out;
    p.out = first->in;
    p.hooks = (first->in ? GOING : 0) | (first->out ? COMING : 0);
    p.answers = true;
    return p;
}

int explain_firewall_weigh(const struct explain_firewall *f, const struct explain_passage *p,
                           struct explain_weight *ret)
{
    _cleanup_vec_ struct vec all = VEC_INIT(struct firewall_met);
    const struct firewall_packet first = first_packet(p), answer = answer_to(&first);
    *ret = (struct explain_weight){.met = VEC_INIT(struct firewall_met),
                                   .unknown = f->exists < 0 || f->error < 0};
    int result = predict_firewall(&f->rules, &first, false, &all);
    if (result == 0 && p->kind == NET_TCP)
        result = predict_firewall(&f->rules, &answer, false, &all);
    for (size_t i = 0; result == 0 && i < all.len; i++) {
        const struct firewall_met *m = vec_at(&all, i);
        ret->may_stop += m->action == FIREWALL_STOPS;
        if (m->action == FIREWALL_STOPS || m->names_port)
            result = vec_add(&ret->met, m);
    }
    return result;
}

void explain_weight_clear(struct explain_weight *w)
{
    vec_free(&w->met);
}
