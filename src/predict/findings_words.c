/* What findings are written with: sockets and holders in words, counters, settings, groups. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "predict/findings_impl.h"

/* Numbers */

uint64_t findings_counter(const struct findings *f, const char *name)
{
    uint64_t value = 0;
    (void)facts_counter(f->facts, name, &value);
    return value;
}

bool findings_setting(const struct findings *f, const char *name, unsigned at, uint64_t *ret)
{
    const char *text = facts_sysctl(f->facts, name);
    if (!text)
        return false;
    for (unsigned i = 0;; i++) {
        char *end;
        errno = 0;
        unsigned long long value = strtoull(text, &end, 10);
        if (end == text || errno)
            return false;
        if (i == at) {
            *ret = value;
            return true;
        }
        text = end;
    }
}

/* Groups */

static struct group *find_group(struct groups *g, uint64_t key, const struct net_socket *s,
                                bool (*same)(const struct net_socket *a,
                                             const struct net_socket *b))
{
    for (;; key++) { /* two that only look alike stand side by side */
        bool is_new;
        uint64_t *at = hash_put(&g->at, key, &is_new);
        if (!at)
            return NULL;
        if (is_new) {
            struct group *added = vec_push(&g->all);
            if (!added)
                return NULL;
            *at = g->all.len;
            added->key = key;
            added->sockets = VEC_INIT(const struct net_socket *);
            return added;
        }
        struct group *found = vec_at(&g->all, *at - 1);
        if (!same || same(group_socket(found, 0), s))
            return found;
    }
}

int groups_add(struct groups *g, uint64_t key, const struct net_socket *s,
               bool (*same)(const struct net_socket *a, const struct net_socket *b))
{
    struct group *to = find_group(g, key, s, same);
    return to ? vec_add(&to->sockets, &s) : -ENOMEM;
}

void groups_clear(struct groups *g)
{
    for (size_t i = 0; i < g->all.len; i++)
        vec_free(&((struct group *)vec_at(&g->all, i))->sockets);
    vec_free(&g->all);
    hash_free(&g->at);
}

struct predict_state findings_queues(const struct net_socket *s)
{
    struct predict_patience patience;
    struct predict_state state;
    predict_patience_init(&patience);
    predict_state(s, &patience, &state);
    return state;
}

/* Words */

const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

bool has_owner(const struct net_socket *s)
{
    return s->n_owners > 0;
}

static void put_process(struct buf *out, const struct net_owner *o)
{
    if (o->process && o->process->comm[0])
        text_escape(out, o->process->comm, strlen(o->process->comm));
    else
        buf_str(out, "process ");
    buf_printf(out, "[%d]", o->pid);
}

void put_owner(struct buf *out, const struct net_socket *s)
{
    if (has_owner(s)) {
        put_process(out, &s->owners[0]);
        return;
    }
    if (net_socket_forbids(s, NET_F_OWNERS))
        buf_str(out, "a process that may not be seen");
    else if (s->detached == NET_OF_KERNEL)
        buf_str(out, "the kernel itself");
    else if (s->detached == NET_REQUEST || s->detached == NET_IN_QUEUE)
        buf_str(out, "no process yet");
    else
        buf_str(out, s->detached == NET_ATTACHED || s->detached == NET_DETACHED_UNCLEAR
                         ? "a process that isn't known"
                         : "no process any more");
}

void put_end(struct buf *out, const struct net_socket *s, enum net_end end)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1024);
    net_socket_format_end(&text, s, end);
    text_escape(out, text.data, text.len);
}

void put_address(struct buf *out, const struct net_addr *a)
{
    if (a->family == AF_INET6)
        buf_char(out, '[');
    net_addr_format(out, a);
    if (a->family == AF_INET6)
        buf_char(out, ']');
}

void put_socket(struct buf *out, const struct net_socket *s)
{
    put_owner(out, s);
    if (s->state == NET_LISTEN || !s->peer_port) {
        buf_str(out, s->state == NET_LISTEN ? " listens on "
                     : s->kind == NET_TCP   ? " has bound "
                                            : " receives at ");
        put_end(out, s, NET_END_LOCAL);
        return;
    }
    buf_str(out, ": ");
    put_end(out, s, NET_END_LOCAL);
    buf_str(out, " to ");
    put_end(out, s, NET_END_PEER);
    buf_printf(out, " (%s)", net_state_name(s->state));
}

void put_sockets(struct buf *out, const struct vec *sockets)
{
    for (size_t i = 0; i < sockets->len && i < SHOWN; i++) {
        put_socket(out, *(const struct net_socket **)vec_at(sockets, i));
        buf_char(out, '\n');
    }
    if (sockets->len > SHOWN)
        buf_printf(out, "and %zu more\n", sockets->len - SHOWN);
}

void put_states(struct buf *out, const struct vec *sockets)
{
    uint32_t counts[NET_STATES] = {0};
    const char *between = "";
    for (size_t i = 0; i < sockets->len; i++)
        counts[(*(const struct net_socket **)vec_at(sockets, i))->state]++;
    for (int i = 0; i < NET_STATES; i++) {
        if (!counts[i])
            continue;
        buf_printf(out, "%s%u %s", between, counts[i], net_state_name((enum net_state)i));
        between = ", ";
    }
}

void put_when(struct buf *out, const struct findings *f)
{
    if (!f->counted_ns) {
        buf_str(out, "so far");
        return;
    }
    buf_str(out, "within ");
    time_format_duration(out, f->counted_ns);
}

static int by_number(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    return x->sockets.len > y->sockets.len ? -1 : x->sockets.len < y->sockets.len;
}

int put_holders(struct buf *out, const struct vec *sockets)
{
    enum { NAMED = 3 };
    _cleanup_groups_ struct groups by_pid = GROUPS_INIT;
    for (size_t i = 0; i < sockets->len; i++) {
        const struct net_socket *s = *(const struct net_socket **)vec_at(sockets, i);
        if (has_owner(s) && groups_add(&by_pid, (uint64_t)s->owners[0].pid, s, NULL) < 0)
            return -ENOMEM;
    }
    if (by_pid.all.len == 0)
        return 0;
    qsort(by_pid.all.items, by_pid.all.len, sizeof(struct group), by_number);
    for (size_t i = 0; i < by_pid.all.len && i < NAMED; i++) {
        const struct group *g = vec_at(&by_pid.all, i);
        buf_str(out, i ? ", " : "");
        put_owner(out, group_socket(g, 0));
        buf_printf(out, " has %zu", g->sockets.len);
    }
    if (by_pid.all.len > NAMED)
        buf_printf(out, ", and %zu other processes the rest", by_pid.all.len - NAMED);
    buf_char(out, '\n');
    return 0;
}
