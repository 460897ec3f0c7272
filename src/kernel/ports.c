#include "kernel/ports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "kernel/bpf_ports.h"
#include "kernel/choice.h"
#include "kernel/closeup.h"
#include "kernel/owners.h"
#include "kernel/unlisted.h"
#include "net/filter.h"

void ports_clear(struct ports *p)
{
    struct net_socket *sockets = p->sockets.items;
    for (size_t i = 0; i < p->sockets.len; i++)
        net_socket_copy_free(&sockets[i]);
    vec_free(&p->sockets);
    vec_free(&p->buckets);
    owners_free(&p->holders);
}

/* By sock_diag: the kernel refuses what has another port by itself, owners' descriptors tell the
 * options where they may be asked. */

static void forget_owners(struct net_socket *s)
{
    free((void *)s->owners);
    s->owners = NULL;
    s->n_owners = 0;
}

static int keep(void *ctx, const struct net_socket *s)
{
    struct ports *p = ctx;
    struct net_socket copy;
    if (s->local_port == 0)
        return 0;
    int result = net_socket_copy(&copy, s);
    if (result < 0)
        return result;
    /* What its owners mean ends with the read: ports_read_owners finds them again. */
    forget_owners(&copy);
    result = vec_add(&p->sockets, &copy);
    if (result < 0)
        net_socket_copy_free(&copy);
    return result;
}

static int read_by_diag(const struct ports_query *q, uint32_t detail, source_sink *sink, void *ctx,
                        struct source_report *report, struct err *e)
{
    struct net_filter *filter = NULL;
    struct net_filter_fault fault;
    char text[32];
    snprintf(text, sizeof text, "sport = :%u", q->port);
    if (q->port && net_filter_parse(text, NULL, &filter, &fault) < 0)
        return err_set(e, EINVAL, "ask for the port", text, NULL);
    struct source_query query = {.via = SOURCE_DIAG,
                                 .kinds = q->kinds,
                                 .states = NET_STATES_ALL,
                                 .families = 1 << AF_INET | 1 << AF_INET6,
                                 .detail = detail,
                                 .scope = SOURCE_THIS_NETNS,
                                 .netns_fd = -1,
                                 .filter = filter};
    int result = source_read(&query, sink, ctx, report, e);
    net_filter_free(filter);
    return result;
}

static int keep_by_diag(const struct ports_query *q, uint32_t detail, struct ports *ret,
                        struct source_report *report, struct err *e)
{
    int result = read_by_diag(q, detail, keep, ret, report, e);
    ret->complete = !(q->kinds & 1 << NET_TCP) || unlisted_diag_tells_bound();
    return result;
}

/* Loading the BPF program costs more than all the rest, and a port that nobody has is known
 * without: where the host has few sockets a plain dump tells. */
static int find_nobody(const struct ports_query *q, struct ports *ret, struct source_report *report,
                       bool *ret_nobody)
{
    struct err e;
    *ret_nobody = false;
    if (q->port == 0 || choice_many_sockets())
        return 0;
    int result = keep_by_diag(q, 0, ret, report, &e);
    *ret_nobody = result == 0 && ret->complete && ret->sockets.len == 0;
    return result == -ENOMEM ? result : 0;
}

static void empty(struct ports *p)
{
    *p = (struct ports){.sockets = VEC_INIT(struct net_socket),
                        .buckets = VEC_INIT(struct net_bucket)};
}

struct ports_reader {
    enum source_via via;
    bool refused;                      /* BPF can't be had here */
    struct bpf_ports_program *program; /* NULL: not loaded yet */
};

int ports_open(enum source_via via, struct ports_reader **ret, struct err *e)
{
    struct ports_reader *r = calloc(1, sizeof *r);
    int result = 0;
    if (!r)
        return err_set(e, ENOMEM, "read ports", "", NULL);
    r->via = via;
    if (via == SOURCE_BPF)
        result = bpf_ports_open(&r->program, e);
    if (result < 0) {
        ports_close(r);
        return result;
    }
    *ret = r;
    return 0;
}

void ports_close(struct ports_reader *r)
{
    if (r && r->program)
        bpf_ports_close(r->program);
    free(r);
}

/* Loaded when it is first needed. */
static bool has_program(struct ports_reader *r)
{
    struct err e;
    if (r->program || r->refused || r->via != SOURCE_BEST)
        return r->program != NULL;
    r->refused = bpf_ports_open(&r->program, &e) < 0;
    return !r->refused;
}

int ports_read(struct ports_reader *r, const struct ports_query *q, struct ports *ret,
               struct source_report *report, struct err *e)
{
    bool nobody = false;
    empty(ret);
    if (r->via == SOURCE_BEST && !r->program) {
        int result = find_nobody(q, ret, report, &nobody);
        if (result < 0)
            return err_set(e, -result, "read ports", "", NULL);
        if (nobody) {
            ret->buckets_known = ret->udp_ordered = ret->listeners_ordered = true;
            return 0;
        }
        ports_clear(ret);
        empty(ret);
    }
    if (has_program(r))
        return bpf_ports_read(r->program, q, ret, e);
    return keep_by_diag(q, SOURCE_OWNERS | SOURCE_OPTIONS | SOURCE_TIMERS, ret, report, e);
}

int ports_stream(struct ports_reader *r, const struct ports_way *way, const struct ports_sink *sink,
                 bool *ret_buckets_known, struct source_report *report, struct err *e)
{
    const struct ports_query all = {.kinds = 1u << way->kind};
    *ret_buckets_known = way->kind == NET_TCP && has_program(r);
    if (*ret_buckets_known)
        return bpf_ports_stream(r->program, way, sink, e);
    return read_by_diag(&all, 0, sink->socket, sink->ctx, report, e);
}

int ports_sample(const struct net_addr *local, uint16_t port, source_sink *sink, void *ctx,
                 struct ports_tally *ret, struct err *e)
{
    struct bpf_ports_program *program;
    int result = bpf_ports_open(&program, e);
    if (result < 0)
        return result;
    result = bpf_ports_sample(program, local, port, sink, ctx, ret, e);
    bpf_ports_close(program);
    return result;
}

/* Owners */

static int set_owners(struct net_socket *s, struct owners *from, const struct net_owner *owners,
                      uint32_t n)
{
    struct net_owner *copy = calloc(n ? n : 1, sizeof *copy);
    if (!copy)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        copy[i] = owners[i];
        if (owners[i].process && !(copy[i].process = owners_complete(from, owners[i].process))) {
            free(copy);
            return -ENOMEM;
        }
    }
    forget_owners(s);
    s->owners = copy;
    s->n_owners = n;
    net_socket_set(s, NET_F_OWNERS);
    return 0;
}

static int find_owners(struct ports *p, struct net_socket *s)
{
    const struct net_owner *found;
    uint32_t n;
    if (!net_socket_knows(s, NET_F_INODE))
        return 0;
    switch (owners_find(p->holders, s->inode, &found, &n)) {
    case OWNERS_FOUND:
        return set_owners(s, p->holders, found, n);
    case OWNERS_HIDDEN:
        net_socket_forbid(s, NET_F_OWNERS);
        break;
    case OWNERS_NO_MEMORY:
        return -ENOMEM;
    case OWNERS_NONE:
        break;
    }
    return 0;
}

int ports_read_owners(struct ports_reader *r, struct ports *p, const struct source_query *how,
                      struct err *e)
{
    _cleanup_vec_ struct vec inodes = VEC_INIT(uint64_t);
    struct source_query q = {.via = r->program ? SOURCE_BPF : SOURCE_DIAG,
                             .detail = SOURCE_OWNERS | how->detail,
                             .user_name = how->user_name,
                             .user_ctx = how->user_ctx};
    struct net_socket *sockets = p->sockets.items;
    int result = 0;
    for (size_t i = 0; i < p->sockets.len && result == 0; i++)
        if (net_socket_knows(&sockets[i], NET_F_INODE) && sockets[i].inode)
            result = vec_add(&inodes, &sockets[i].inode);
    if (result == 0)
        result = closeup_owners(&q, inodes.items, inodes.len, &p->holders, e);
    for (size_t i = 0; i < p->sockets.len && result == 0; i++)
        result = find_owners(p, &sockets[i]);
    return result == -ENOMEM ? err_set(e, ENOMEM, "find who has the port", "", NULL) : result;
}
