#include "predict/bind.h"

#include <errno.h>
#include <string.h>

#include "predict/rules.h"

void predict_bind_clear(struct predict_bind *b)
{
    vec_free(&b->blockers);
}

static const struct net_bucket *bucket_of(const struct predict_host *h, uint16_t port)
{
    for (size_t i = 0; i < h->n_buckets; i++)
        if (h->buckets[i].port == port)
            return &h->buckets[i];
    return NULL;
}

/* TCP: what the kernel remembers of the port may let the candidate through unseen. */

static bool has_listener(const struct predict_host *h, uint16_t port)
{
    for (size_t i = 0; i < h->n_sockets; i++)
        if (rules_owns(h->sockets[i], NET_TCP, port) && h->sockets[i]->state == NET_LISTEN)
            return true;
    return false;
}

static enum tri reuseport_shortcut(const struct predict_candidate *c, const struct net_bucket *b)
{
    if (!c->reuseport || b->fastreuseport <= NET_FASTREUSEPORT_NONE || b->uid != c->uid)
        return TRI_NO;
    if (b->fastreuseport == NET_FASTREUSEPORT_ANY)
        return TRI_YES;
    struct predict_end end = rules_end(c);
    struct predict_end cached = {.family = b->family, .addr = b->addr, .v6only = tri_of(b->v6only)};
    return predict_covers(&cached, &end);
}

/* test: tests/prove */
static enum tri shortcut(const struct predict_candidate *c, const struct predict_host *h,
                         enum rules_way way)
{
    /* Its own bind left itself in the memory, so that listen(2) finds it there. */
    if (way == RULES_LISTEN)
        return tri_of(c->reuseport);
    const struct net_bucket *b = bucket_of(h, c->port);
    if (h->buckets_known && !b)
        return TRI_NO;
    if (b)
        return tri_or(tri_of(c->reuseaddr && b->fastreuse > 0), reuseport_shortcut(c, b));
    /* Unknown: what a listener has wiped stays so as long as the port is taken. */
    return c->reuseport || (c->reuseaddr && !has_listener(h, c->port)) ? TRI_MAYBE : TRI_NO;
}

static int add_blocker(struct predict_bind *ret, const struct net_socket *owner,
                       const struct rules_clash *clash)
{
    struct predict_blocker blocker = {
        .socket = owner, .rule = clash->rule, .certain = clash->clash, .unknown = clash->unknown};
    return vec_add(&ret->blockers, &blocker);
}

/* The blockers of one call; *ret_clash whether any is in the way. */
static int find_blockers(const struct predict_candidate *c, const struct predict_host *h,
                         enum rules_way way, struct predict_bind *ret, enum tri *ret_clash)
{
    *ret_clash = TRI_NO;
    enum tri fast = shortcut(c, h, way);
    if (fast == TRI_YES)
        return 0;
    for (size_t i = 0; i < h->n_sockets; i++) {
        if (!rules_owns(h->sockets[i], NET_TCP, c->port))
            continue;
        struct rules_clash clash = rules_clash_tcp(c, h->sockets[i], way);
        if (clash.clash == TRI_NO)
            continue;
        clash.clash = tri_and(clash.clash, tri_not(fast));
        if (add_blocker(ret, h->sockets[i], &clash) < 0)
            return -ENOMEM;
        *ret_clash = tri_or(*ret_clash, clash.clash);
    }
    return 0;
}

/* UDP: a walk that ends at the first who decides. Without the kernel's order, and where it keeps
 * more than one list (ten sockets in a slot of its table), only those who agree make an answer. */

enum { UDP_ONE_LIST = 8 };

static int walk_udp(const struct predict_candidate *c, const struct predict_host *h,
                    struct predict_bind *ret, enum tri *ret_clash)
{
    bool accepted = false, first = true;
    size_t n = 0;
    for (size_t i = 0; i < h->n_sockets; i++)
        n += rules_owns(h->sockets[i], c->kind, c->port);
    bool ordered = h->udp_ordered && n <= UDP_ONE_LIST;
    *ret_clash = TRI_NO;
    for (size_t i = 0; i < h->n_sockets; i++) {
        enum tri accepts;
        if (!rules_owns(h->sockets[i], c->kind, c->port))
            continue;
        struct rules_clash clash = rules_clash_udp(c, h->sockets[i], &accepts);
        if (accepts != TRI_NO)
            accepted = true;
        if (accepts == TRI_YES && ordered && first)
            return 0;
        if (clash.clash != TRI_NO && add_blocker(ret, h->sockets[i], &clash) < 0)
            return -ENOMEM;
        *ret_clash = tri_or(*ret_clash, clash.clash);
        if (clash.clash == TRI_YES && ordered && first)
            return 0;
        /* Who might decide, one way or the other, makes those behind it uncertain. */
        if (clash.clash == TRI_MAYBE || accepts == TRI_MAYBE)
            first = false;
    }
    if (accepted && *ret_clash == TRI_YES)
        *ret_clash = TRI_MAYBE;
    return 0;
}

/* The verdict */

static void conclude(struct predict_bind *ret, enum tri broken, enum predict_call call, int error,
                     enum predict_rule rule)
{
    ret->verdict = broken == TRI_YES ? PREDICT_FAILS : PREDICT_DEPENDS;
    ret->call = call;
    ret->error = error;
    ret->rule = rule;
}

static enum predict_rule main_rule(const struct predict_bind *ret)
{
    const struct predict_blocker *all = ret->blockers.items;
    for (size_t i = 0; i < ret->blockers.len; i++)
        if (all[i].certain == TRI_YES)
            return all[i].rule;
    return ret->blockers.len ? all[0].rule : RULE_NONE;
}

/* An owner may be missing from the facts: then nothing succeeds for certain. */
static void conclude_success(const struct predict_host *h, struct predict_bind *ret)
{
    ret->verdict = h->complete ? PREDICT_SUCCEEDS : PREDICT_DEPENDS;
    ret->incomplete = !h->complete;
}

static int look_at_owners(const struct predict_candidate *c, const struct predict_host *h,
                          struct predict_bind *ret)
{
    enum tri clash;
    int result = c->kind == NET_TCP ? find_blockers(c, h, RULES_BIND, ret, &clash)
                                    : walk_udp(c, h, ret, &clash);
    if (result < 0)
        return result;
    if (clash != TRI_NO) {
        conclude(ret, clash, PREDICT_BIND, EADDRINUSE, main_rule(ret));
        if (clash == TRI_YES)
            return 0;
    }
    if (!c->listens || c->kind != NET_TCP) {
        if (clash == TRI_NO)
            conclude_success(h, ret);
        return 0;
    }
    struct predict_bind second = {.blockers = VEC_INIT(struct predict_blocker)};
    enum tri listen_clash;
    result = find_blockers(c, h, RULES_LISTEN, &second, &listen_clash);
    if (result == 0 && clash == TRI_NO && listen_clash != TRI_NO) {
        conclude(&second, listen_clash, PREDICT_LISTEN, EADDRINUSE, main_rule(&second));
        predict_bind_clear(ret);
        *ret = second;
        return 0;
    }
    predict_bind_clear(&second);
    if (result == 0 && clash == TRI_NO)
        conclude_success(h, ret);
    return result;
}

static void choose(const struct predict_candidate *c, const struct predict_host *h,
                   struct predict_bind *ret)
{
    struct predict_choice choice;
    predict_choose_port(c, h, &choice);
    if (choice.n_certain)
        conclude_success(h, ret);
    else
        conclude(ret, choice.n_possible ? TRI_MAYBE : TRI_YES, PREDICT_BIND, EADDRINUSE,
                 RULE_RANGE_TAKEN);
}

/* Which call a rule of the address and the caller is of. */
static enum predict_call call_of(const struct predict_candidate *c, enum predict_rule rule)
{
    if (rule == RULE_NO_IPV6)
        return PREDICT_SOCKET;
    return c->unknown_device || rule == RULE_TRANSPARENT ? PREDICT_SETSOCKOPT : PREDICT_BIND;
}

int predict_bind(const struct predict_candidate *c, const struct predict_host *h,
                 struct predict_bind *ret)
{
    enum tri broken;
    int error;
    *ret = (struct predict_bind){.verdict = PREDICT_SUCCEEDS,
                                 .blockers = VEC_INIT(struct predict_blocker)};
    enum predict_rule rule = rules_of_address(c, h, &error, &broken, &ret->unknown_settings);
    if (rule != RULE_NONE) {
        conclude(ret, broken, call_of(c, rule), error, rule);
        return 0;
    }
    if (c->port)
        return look_at_owners(c, h, ret);
    choose(c, h, ret);
    return 0;
}
