#include "kernel/diag.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/inet_diag.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/vec.h"
#include "kernel/attrs.h"
#include "kernel/bytecode.h"
#include "kernel/diag_ask.h"
#include "kernel/diag_decode.h"
#include "kernel/netlink.h"
#include "kernel/proc_net.h"
#include "kernel/unlisted.h"

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
     * are told by their keys, which are kept in passing, and put into a hash only then. */
    struct vec given;
    struct hash repeated;
    bool again;
    bool no_memory;
    bool no_marks; /* may not be compared with */
    bool waiting;  /* a UNIX listener has connections that nobody has accepted yet */
    bool stopped;  /* by the sink, or for want of memory: no error of the kernel's */
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

/* A cookie alone isn't one socket's: accepted MPTCP connections have that of their listener. */
static uint64_t key_of(const struct net_socket *s)
{
    return (s->cookie * 31 + s->inode) * 65537 + s->peer_port;
}

/* Netlink sockets in multicast groups come twice, from the table of all and from the groups' list
 * (__netlink_diag_dump tells them apart by a hash that it no longer uses). */
static bool is_told_twice(struct reading *r)
{
    bool fresh = true;
    if (r->row.kind != NET_NETLINK || !net_socket_knows(&r->row, NET_F_GROUPS))
        return false;
    if (!hash_put(&r->repeated, key_of(&r->row), &fresh))
        r->no_memory = true;
    return !fresh;
}

/* Notes the row as given; false if it was already. */
static bool is_new(struct reading *r)
{
    uint64_t key = key_of(&r->row);
    if (r->again && hash_get(&r->repeated, key))
        return false;
    if (is_told_twice(r))
        return false;
    if (vec_add(&r->given, &key) < 0)
        r->no_memory = true;
    return true;
}

static int give(struct reading *r)
{
    r->waiting |= NET_KINDS_UNIX >> r->row.kind & 1 && r->row.state == NET_LISTEN && r->row.recv_q;
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

/* SCTP's sockets have more addresses than the one that the code would look at. */
static void put_bytecode(const struct reading *r, const struct diag_family *f,
                         struct diag_request *request)
{
    struct bytecode code;
    if (!r->q->filter || f->protocol == IPPROTO_SCTP ||
        !bytecode_compile(&code, r->q->filter, r->decoder.kind, !r->no_marks))
        return;
    attr_put(&request->head, sizeof request->bytes, INET_DIAG_REQ_BYTECODE, code.bytes, code.len);
}

/* One family, or AF_UNSPEC: both in one walk. */
static int ask_addresses(struct reading *r, const struct diag_family *f, uint32_t states,
                         uint8_t family)
{
    struct diag_request request;
    int result;
    do {
        if (family)
            f->build(&request, f, r->q, states, family);
        else if (!diag_build_both(&request, f, r->q, states))
            return -ENOENT;
        put_bytecode(r, f, &request);
        result = ask(r, &request);
        /* Whether marks may be asked about depends on the namespace's owner: trying tells. */
    } while (result == -EPERM && !r->stopped && r->q->filter && !r->no_marks &&
             (r->no_marks = true));
    return result;
}

static int ask_inet(struct reading *r, const struct diag_family *f, uint32_t states)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    const uint32_t both = 1u << AF_INET | 1u << AF_INET6;
    int result = -ENOENT;
    r->checked = true;
    if ((r->q->families & both) == both)
        result = ask_addresses(r, f, states, AF_UNSPEC);
    r->checked = false;
    if (!is_missing(r, result))
        return result;

    bool any = false;
    for (size_t i = 0; i < sizeof families; i++) {
        if (!(r->q->families >> families[i] & 1))
            continue;
        result = ask_addresses(r, f, states, families[i]);
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

static int give_unheld(void *ctx, const struct net_socket *s)
{
    struct reading *r = ctx;
    return net_socket_knows(s, NET_F_INODE) ? 0 : r->sink(r->ctx, s);
}

/* unix_diag leaves out the sockets without an inode, which wait to be accepted: /proc has them. A
 * listener's queue tells whether there are any; where no listener was asked for, nothing does. */
static int read_unix_waiting(struct reading *r, uint32_t silent)
{
    uint32_t kinds = r->q->kinds & NET_KINDS_UNIX & ~silent, missing;
    if (!kinds || (!r->waiting && r->q->states & 1 << NET_LISTEN))
        return 0;
    return proc_net_read_half(r->q, kinds, false, give_unheld, r, &missing, r->e);
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
    int result = read_unix_waiting(r, silent);
    if (result)
        return result;
    unlisted_note(r->q, untold & ~(1u << NET_OTHER), "sock_diag", r->report);
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
