#include "kernel/diag.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/vec.h"
#include "kernel/diag_ask.h"
#include "kernel/diag_decode.h"
#include "kernel/netlink.h"
#include "kernel/proc_net.h"

/* One read: what stays the same over its requests, and the state of the present one. */
struct reading {
    const struct source_query *q;
    source_sink *sink;
    void *ctx;
    struct source_report *report;
    struct err *e;
    struct netlink netlink;
    struct diag_decoder decoder;
    struct net_socket row;
    diag_decode *decode;
    bool listeners; /* which half is wanted now */
    bool checked;   /* v4 and v6 come together, so the row's family must be looked at */

    /* When an answer is broken off and asked again, its rows are out already: those that come twice
     * are told by their cookies, which are kept in passing, and put into a hash only then. */
    struct vec given;
    struct hash repeated;
    bool again;
    bool no_memory;
    bool stopped; /* by the sink, or for want of memory: no error of the kernel's */
};

static uint64_t netns_inode(void)
{
    struct stat st;
    return stat("/proc/thread-self/ns/net", &st) == 0 ? st.st_ino : 0;
}

static bool is_wanted(const struct reading *r)
{
    const struct net_socket *s = &r->row;
    if (!(r->q->kinds >> s->kind & 1) || !(r->q->states >> s->state & 1))
        return false;
    if (r->checked && !(r->q->families >> (s->family & 31) & 1))
        return false;
    return net_socket_is_listener(s) == r->listeners;
}

/* Notes the row as given; false if it was before the answer was broken off. */
static bool is_new(struct reading *r)
{
    if (r->again && r->row.cookie && hash_get(&r->repeated, r->row.cookie))
        return false;
    if (vec_add(&r->given, &r->row.cookie) < 0)
        r->no_memory = true;
    return true;
}

static int give(struct reading *r)
{
    if (!is_wanted(r) || !is_new(r))
        return 0;
    return r->no_memory ? err_set(r->e, ENOMEM, "read", "sockets", NULL) : r->sink(r->ctx, &r->row);
}

static int on_message(void *ctx, const struct nlmsghdr *m)
{
    struct reading *r = ctx;
    int result = r->decode(&r->decoder, m, &r->row);
    result = result < 0 ? err_set(r->e, -result, "read", "sock_diag", "a message is too short")
                        : give(r);
    r->stopped = result != 0;
    return result;
}

static void on_restart(void *ctx)
{
    struct reading *r = ctx;
    r->again = true;
    for (size_t i = 0; i < r->given.len; i++)
        if (!hash_put(&r->repeated, *(uint64_t *)vec_at(&r->given, i), NULL))
            r->no_memory = true;
}

static void forget_given(struct reading *r)
{
    r->given.len = 0;
    hash_free(&r->repeated);
    r->again = false;
}

static int ask(struct reading *r, struct diag_request *request)
{
    const struct netlink_reader reader = {on_message, on_restart, r};
    forget_given(r);
    int result = netlink_dump(&r->netlink, &request->head, &reader, r->e);
    if (r->stopped || result != -EINTR)
        return result;
    if (r->report)
        source_report_note(r->report, false,
                           "the sockets kept changing while they were read: some may be missing");
    return 0;
}

static void err_clear(struct err *e)
{
    if (e)
        *e = (struct err){0};
}

/* Nobody answers: the kernel has no module for it, or none of that protocol. */
static bool is_missing(const struct reading *r, int result)
{
    if (r->stopped)
        return false;
    return result == -ENOENT || result == -EOPNOTSUPP || result == -EPROTONOSUPPORT ||
           result == -EAFNOSUPPORT || result == -EINVAL;
}

static int ask_inet(struct reading *r, const struct diag_family *f, uint32_t states)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    uint32_t both = 1u << AF_INET | 1u << AF_INET6;
    struct diag_request request;
    int result = -ENOENT;
    r->checked = true;
    if ((r->q->families & both) == both && diag_build_both(&request, f, r->q, states)) {
        result = ask(r, &request);
        if (!is_missing(r, result))
            return result;
    }
    r->checked = false;
    bool any = false;
    for (size_t i = 0; i < sizeof families; i++) {
        if (!(r->q->families >> families[i] & 1))
            continue;
        f->build(&request, f, r->q, states, families[i]);
        result = ask(r, &request);
        if (result && !is_missing(r, result))
            return result;
        any |= result == 0;
    }
    if (!any)
        return result;
    err_clear(r->e);
    return 0;
}

static int ask_family(struct reading *r, const struct diag_family *f, uint32_t states)
{
    r->decode = f->decode;
    r->decoder.kind = (enum net_kind)__builtin_ctz(f->kinds);
    if (f->family == AF_INET)
        return ask_inet(r, f, states);

    struct diag_request request;
    r->checked = false;
    f->build(&request, f, r->q, states, (uint8_t)f->family);
    return ask(r, &request);
}

static int read_half(struct reading *r, bool listeners, uint32_t *missing)
{
    r->listeners = listeners;
    for (size_t i = 0; i < diag_n_families; i++) {
        const struct diag_family *f = &diag_families[i];
        uint32_t states = listeners ? r->q->states & f->listener_states : r->q->states;
        if (f->family == AF_INET && !listeners)
            states &= ~f->listener_states;
        if (!(f->kinds & r->q->kinds) || f->kinds & *missing || !states)
            continue;
        int result = ask_family(r, f, states);
        if (result && !is_missing(r, result))
            return result;
        if (result) {
            *missing |= f->kinds;
            err_clear(r->e);
        }
    }
    return 0;
}

/* What nobody answered for, from /proc. */
static int read_missing(struct reading *r, bool listeners, uint32_t *missing)
{
    uint32_t kinds = *missing & r->q->kinds;
    *missing = 0;
    return kinds ? proc_net_read_half(r->q, kinds, listeners, r->sink, r->ctx, missing, r->e) : 0;
}

static void note_missing(struct source_report *report, uint32_t kinds)
{
    for (int k = 0; k < NET_KINDS; k++)
        if (kinds >> k & 1)
            source_report_note(report, false, "this kernel doesn't tell of %s sockets",
                               net_kind_name((enum net_kind)k));
}

static void reading_clear(struct reading *r)
{
    vec_free(&r->given);
    hash_free(&r->repeated);
    netlink_close(&r->netlink);
}

/* Asking for a kind can make the kernel load its module, and with that the protocol. A kind whose
 * protocol isn't there has no sockets, so it isn't asked for, and not missed. */
static int read_all(struct reading *r)
{
    uint32_t absent = ~proc_net_registered();
    uint32_t silent = absent, untold = 0;
    for (int half = 0; half < 2; half++) {
        int result = read_half(r, half == 0, &silent);
        untold = (silent & ~absent) | (r->q->kinds & 1u << NET_PING);
        if (result == 0)
            result = read_missing(r, half == 0, &untold);
        if (result)
            return result;
    }
    note_missing(r->report, untold & ~(1u << NET_OTHER));
    return 0;
}

int diag_read(const struct source_query *q, source_sink *sink, void *ctx,
              struct source_report *report, struct err *e)
{
    struct reading r = {.q = q, .sink = sink, .ctx = ctx, .report = report, .e = e};
    int result = netlink_open(&r.netlink, NETLINK_SOCK_DIAG, e);
    if (result < 0)
        return result;
    r.given = VEC_INIT(uint64_t);
    r.decoder.detail = q->detail;
    r.decoder.netns = netns_inode();
    result = read_all(&r);
    reading_clear(&r);
    return result;
}

static int stop_at_first(void *ctx, const struct net_socket *s)
{
    (void)ctx, (void)s;
    return 1;
}

/* A request for no state at all tells whether somebody answers, and walks through few tables. */
static bool answers(struct reading *r, const struct diag_family *f)
{
    return !is_missing(r, ask_family(r, f, 0));
}

uint32_t diag_kinds(uint32_t kinds)
{
    const struct source_query q = {
        .kinds = NET_KINDS_ALL, .states = NET_STATES_ALL, .families = 1 << AF_INET};
    struct reading r = {.q = &q, .sink = stop_at_first};
    uint32_t found = 0;
    kinds &= proc_net_registered();
    if (!kinds || netlink_open(&r.netlink, NETLINK_SOCK_DIAG, NULL) < 0)
        return 0;
    r.given = VEC_INIT(uint64_t);
    for (size_t i = 0; i < diag_n_families; i++) {
        r.stopped = false;
        if (diag_families[i].kinds & kinds && answers(&r, &diag_families[i]))
            found |= diag_families[i].kinds;
    }
    reading_clear(&r);
    return found & kinds;
}
