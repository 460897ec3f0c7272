#include "cmd/explain_firewall.h"

#include <errno.h>
#include <string.h>

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
    GOING = 1 << FIREWALL_OUTPUT | 1 << FIREWALL_POSTROUTING | 1 << FIREWALL_EGRESS,
    THROUGH = 1 << FIREWALL_INGRESS | 1 << FIREWALL_PREROUTING | 1 << FIREWALL_FORWARD |
              1 << FIREWALL_POSTROUTING | 1 << FIREWALL_EGRESS
};

static const unsigned hooks_of[] = {[EXPLAIN_STAYS] = GOING | COMING,
                                    [EXPLAIN_COMES_IN] = COMING,
                                    [EXPLAIN_GOES_OUT] = GOING,
                                    [EXPLAIN_GOES_THROUGH] = THROUGH};
static const unsigned hooks_of_answer[] = {[EXPLAIN_STAYS] = GOING | COMING,
                                           [EXPLAIN_COMES_IN] = GOING,
                                           [EXPLAIN_GOES_OUT] = COMING,
                                           [EXPLAIN_GOES_THROUGH] = THROUGH};

static struct firewall_packet first_packet(const struct explain_passage *p)
{
    bool stays = p->way == EXPLAIN_STAYS;
    return (struct firewall_packet){.kind = p->kind,
                                    .from = p->from,
                                    .to = p->to,
                                    .from_port = p->from_port,
                                    .to_port = {p->to_port, p->to_port},
                                    .in = stays ? "lo" : p->in,
                                    .out = stays ? "lo" : p->out,
                                    .hooks = hooks_of[p->way],
                                    .translated = p->translated};
}

static struct firewall_packet answer_to(const struct firewall_packet *first, enum explain_way way)
{
    struct firewall_packet p = *first;
    p.from = first->to;
    p.to = first->from;
    p.to.family = first->to.family;
    p.from_port = first->to_port;
    p.to_port = first->from_port;
    p.in = first->out;
    p.out = first->in;
    p.hooks = hooks_of_answer[way];
    p.answers = true;
    return p;
}

static bool is_known(const struct explain_weight *w, const struct firewall_met *m)
{
    for (size_t i = 0; i < w->met.len; i++) {
        const struct firewall_met *known = vec_at(&w->met, i);
        if (known->chain == m->chain && known->rule == m->rule && known->action == m->action)
            return true;
    }
    return false;
}

static int add(struct explain_weight *w, const struct firewall_met *m)
{
    bool stops = m->action == FIREWALL_STOPS;
    bool tells = stops || (m->action == FIREWALL_ACCEPTS && m->names_port);
    if (!tells || is_known(w, m))
        return 0;
    w->may_stop += stops;
    return vec_add(&w->met, m);
}

int explain_firewall_weigh(const struct explain_firewall *f, const struct explain_passage *p,
                           bool before, struct explain_weight *ret)
{
    _cleanup_vec_ struct vec all = VEC_INIT(struct firewall_met);
    struct firewall_packet first = first_packet(p), answer = answer_to(&first, p->way);
    if (before)
        first.hooks &= 1 << FIREWALL_INGRESS | 1 << FIREWALL_PREROUTING | 1 << FIREWALL_OUTPUT;
    ret->unknown = f->exists < 0 || f->error < 0;
    int result = predict_firewall(&f->rules, &first, false, &all);
    if (result == 0)
        result = predict_firewall(&f->rules, &first, true, &all);
    if (result == 0 && p->kind == NET_TCP && !before)
        result = predict_firewall(&f->rules, &answer, false, &all);
    for (size_t i = 0; result == 0 && i < all.len; i++)
        result = add(ret, vec_at(&all, i));
    return result;
}

/* Handing on */

/* The same words, whatever blanks are between them; b may be cut at its end, and iptables' begin
 * with its chain. */
static bool is_same_rule(const char *a, const char *b)
{
    bool cut = strlen(b) + 1 >= sizeof((struct kernel_forward *)0)->rule;
    if (strncmp(b, "-A ", 3) == 0)
        b += 3 + strcspn(b + 3, " ");
    for (;; a++, b++) {
        a += strspn(a, " \t");
        b += strspn(b, " \t");
        if (!*b || *a != *b)
            return !*b && (cut || !*a);
    }
}

static bool takes(const struct kernel_forward *f, const struct explain_passage *p)
{
    const char *protocol = p->kind == NET_UDP ? "udp" : "tcp";
    return (!f->protocol[0] || strcmp(f->protocol, protocol) == 0) && f->first <= p->to_port &&
           p->to_port <= f->last;
}

/* Whether the rule takes it; a rule whose ports weren't read may. */
static bool find_forward(const struct explain_firewall *f, const struct explain_passage *p,
                         const struct firewall_met *m, struct explain_handing *ret)
{
    bool read = false;
    for (size_t i = 0; m->rule && i < f->forwards.len; i++) {
        const struct kernel_forward *forward = vec_at(&f->forwards, i);
        if (!is_same_rule(m->rule->text, forward->rule))
            continue;
        read = true;
        if (takes(forward, p)) {
            *ret = (struct explain_handing){m, forward};
            return true;
        }
    }
    if (!read)
        *ret = (struct explain_handing){m, NULL};
    return !read;
}

int explain_firewall_hand_on(const struct explain_firewall *f, const struct explain_passage *p,
                             struct vec *met, struct explain_handing *ret)
{
    struct firewall_packet first = first_packet(p);
    first.hooks &= p->way == EXPLAIN_COMES_IN ? 1 << FIREWALL_PREROUTING : 1 << FIREWALL_OUTPUT;
    *ret = (struct explain_handing){0};
    int result = predict_firewall(&f->rules, &first, true, met);
    for (size_t i = 0; result == 0 && i < met->len; i++) {
        const struct firewall_met *m = vec_at(met, i);
        if (m->action == FIREWALL_TRANSLATES && find_forward(f, p, m, ret))
            break;
    }
    return result;
}

void explain_weight_clear(struct explain_weight *w)
{
    vec_free(&w->met);
}
