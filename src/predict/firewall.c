/* The walk of a packet through the chains: those that hang at the hooks it passes, each of which
 * has to let it through, and those that they jump to. An acceptance ends the walk of one chain of
 * a hook where it is certain, and otherwise what follows is met too. */
#include "predict/firewall.h"

#include <errno.h>
#include <string.h>

/* The kernel's own bound is 16 (NFT_JUMP_STACK_SIZE of include/net/netfilter/nf_tables.h). */
enum { DEPTH_MAX = 16, RULES_MAX = 1 << 16, MET_MAX = 1 << 10 };

struct walk {
    const struct firewall *f;
    const struct firewall_packet *p;
    enum firewall_hook hook;
    size_t n; /* rules looked at */
    struct vec *ret;
    int result;
};

/* What is left to do behind a rule. */
enum course { COURSE_ON, COURSE_BACK, COURSE_DECIDED };

static void meet(struct walk *w, const struct firewall_chain *c, const struct firewall_rule *r,
                 enum firewall_action action, enum tri certain, bool names_port)
{
    const struct firewall_met m = {c, r, action, certain, names_port};
    for (size_t i = 0; i < w->ret->len; i++) {
        struct firewall_met *known = vec_at(w->ret, i);
        if (known->rule == r && known->chain == c && known->action == action)
            return;
    }
    if (w->result == 0 && w->ret->len < MET_MAX)
        w->result = vec_add(w->ret, &m);
}

static enum course walk(struct walk *w, const struct firewall_chain *c, enum tri reached,
                        unsigned depth);

static enum course jump(struct walk *w, const struct firewall_chain *c,
                        const struct firewall_rule *r, const struct firewall_branch *b,
                        enum tri met, unsigned depth)
{
    const struct firewall_chain *to = firewall_find_chain(w->f, c, b->target.at, b->target.n);
    if (!to || depth == DEPTH_MAX) { /* nobody knows what it does */
        meet(w, c, r, FIREWALL_STOPS, TRI_MAYBE, false);
        return COURSE_ON;
    }
    enum course there = walk(w, to, met, depth + 1);
    if (there == COURSE_DECIDED)
        return COURSE_DECIDED;
    return b->verdict == FIREWALL_GOTO ? COURSE_BACK : COURSE_ON;
}

static enum course follow(struct walk *w, const struct firewall_chain *c,
                          const struct firewall_rule *r, const struct firewall_branch *b,
                          enum tri reached, bool names_port, unsigned depth)
{
    enum tri met = tri_and(reached, b->met);
    switch (b->verdict) {
    case FIREWALL_JUMP:
    case FIREWALL_GOTO:
        return jump(w, c, r, b, met, depth);
    case FIREWALL_STOP:
        meet(w, c, r, FIREWALL_STOPS, met, names_port);
        return COURSE_DECIDED;
    case FIREWALL_TRANSLATE:
        meet(w, c, r, FIREWALL_TRANSLATES, met, names_port);
        return COURSE_DECIDED;
    case FIREWALL_ACCEPT:
        meet(w, c, r, FIREWALL_ACCEPTS, met, names_port);
        return COURSE_DECIDED;
    case FIREWALL_RETURN:
        return COURSE_BACK;
    case FIREWALL_CONTINUE:
        break;
    }
    return COURSE_ON;
}

/* The rules of a chain. */
static enum course walk(struct walk *w, const struct firewall_chain *c, enum tri reached,
                        unsigned depth)
{
    struct firewall_reading reading = {.branches = VEC_INIT(struct firewall_branch)};
    enum course course = COURSE_ON;
    for (size_t i = 0; i < c->n && course == COURSE_ON && w->result == 0; i++) {
        const struct firewall_rule *r = vec_at(&w->f->rules, c->first + i);
        if (++w->n > RULES_MAX) { /* more than anyone can follow */
            meet(w, c, r, FIREWALL_STOPS, TRI_MAYBE, false);
            break;
        }
        w->result = firewall_read_rule(w->f, c, r, w->p, w->hook, &reading);
        for (size_t k = 0; k < reading.branches.len && w->result == 0; k++) {
            const struct firewall_branch *b = vec_at(&reading.branches, k);
            if (b->met == TRI_NO)
                continue;
            enum course there = follow(w, c, r, b, reached, reading.names_port, depth);
            if (b->met == TRI_YES)
                course = there;
            else if (b->verdict != FIREWALL_CONTINUE)
                reached = tri_and(reached, TRI_MAYBE);
        }
    }
    vec_free(&reading.branches);
    return course == COURSE_DECIDED ? COURSE_DECIDED : COURSE_ON;
}

/* Where the packet meets it. */

static bool is_device_of(const struct firewall_chain *c, const char *device)
{
    const char *text = c->devices;
    struct firewall_word w;
    while (device && firewall_next_word(&text, &w))
        if (w.n == strlen(device) && memcmp(w.at, device, w.n) == 0)
            return true;
    return device && strlen(c->devices) + 1 == sizeof c->devices; /* it may have been cut */
}

static enum tri is_met(const struct firewall_chain *c, const struct firewall_packet *p)
{
    if (!(p->hooks >> c->hook & 1) || c->hook == FIREWALL_NOWHERE)
        return TRI_NO;
    if (c->hook == FIREWALL_INGRESS || c->hook == FIREWALL_EGRESS)
        return tri_of(is_device_of(c, c->hook == FIREWALL_INGRESS ? p->in : p->out));
    switch (c->family) {
    case FIREWALL_IP:
        return tri_of(p->to.family == AF_INET);
    case FIREWALL_IP6:
        return tri_of(p->to.family == AF_INET6);
    case FIREWALL_ARP: /* what they stop is what brings the packet there */
    case FIREWALL_BRIDGE:
        return (p->in && strcmp(p->in, "lo") == 0) || (p->out && strcmp(p->out, "lo") == 0)
                   ? TRI_NO
                   : TRI_MAYBE;
    default:
        return TRI_YES;
    }
}

int predict_firewall(const struct firewall *f, const struct firewall_packet *p, bool translating,
                     struct vec *ret)
{
    struct walk w = {.f = f, .p = p, .ret = ret};
    for (size_t i = 0; i < f->chains.len && w.result == 0; i++) {
        const struct firewall_chain *c = vec_at(&f->chains, i);
        enum tri reached = is_met(c, p);
        if (reached == TRI_NO || c->translates != translating)
            continue;
        w.hook = c->hook;
        if (walk(&w, c, reached, 0) != COURSE_DECIDED && c->drops)
            meet(&w, c, NULL, FIREWALL_STOPS, reached, false);
    }
    return w.result;
}
