#include "cmd/explain_firewall.h"

#include <errno.h>
#include <sys/socket.h>

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
                                   .rules = VEC_INIT(struct firewall_rule),
                                   .forwards = VEC_INIT(struct kernel_forward)};
    if (h->reader && sockets_visit(&h->sockets, read_all, f, &e) < 0)
        f->exists = -EPERM;
}

void explain_firewall_clear(struct explain_firewall *f)
{
    vec_free(&f->rules);
    vec_free(&f->forwards);
}

static bool is_passed(const struct explain_passage *p, const struct firewall_rule *r)
{
    return r->hooks & p->hooks && (r->family == AF_UNSPEC || r->family == p->family);
}

/* Whether another rule at the same hooks is seen to let it through. */
static bool is_forestalled(const struct explain_firewall *f, const struct explain_passage *p,
                           const struct firewall_rule *by)
{
    for (size_t i = 0; i < f->rules.len; i++) {
        const struct firewall_rule *r = vec_at(&f->rules, i);
        if (!is_passed(p, r) || !(r->hooks & by->hooks) || r->stops)
            continue;
        if ((p->loopback && firewall_spares_loopback(r)) ||
            (by->policy && firewall_match(r, p->kind, p->port) == FIREWALL_NAMES))
            return true;
    }
    return false;
}

static int weigh_rule(const struct explain_firewall *f, const struct explain_passage *p,
                      const struct firewall_rule *r, struct explain_weight *ret)
{
    enum firewall_match match = r->policy ? FIREWALL_NAMES : firewall_match(r, p->kind, p->port);
    if (match == FIREWALL_ELSE)
        return 0;
    ret->may_stop += r->stops;
    if (match == FIREWALL_MAYBE)
        return 0;
    if (r->stops && !ret->decides && !is_forestalled(f, p, r))
        ret->decides = r;
    return vec_add(&ret->named, &r);
}

int explain_firewall_weigh(const struct explain_firewall *f, const struct explain_passage *p,
                           struct explain_weight *ret)
{
    int result = 0;
    *ret = (struct explain_weight){.named = VEC_INIT(const struct firewall_rule *),
                                   .unknown = f->exists < 0 || f->error < 0};
    for (size_t i = 0; result == 0 && i < f->rules.len; i++) {
        const struct firewall_rule *r = vec_at(&f->rules, i);
        if (is_passed(p, r))
            result = weigh_rule(f, p, r, ret);
    }
    return result;
}

void explain_weight_clear(struct explain_weight *w)
{
    vec_free(&w->named);
}
