/* The lists of sockets: rows in the order of the kernel's files, columns where net-tools has them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/out.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
#include "dialect/netstat.h"
#include "kernel/owners.h"
#include "kernel/process.h"
#include "kernel/source.h"
#include "names/reverse.h"
#include "names/users.h"
#include "net/socket.h"

#define NAMES_TIMEOUT_NS UINT64_C(10000000000)

enum {
    END_WIDTH = 23,   /* an address with its port; cut to it unless -W */
    TITLE_MAX = 19,   /* "PID/Program name" */
    OWNER_WIDTH = 20, /* its column */
};

/* What a row of the list needs, kept until names are there. */
struct row {
    uint8_t kind, state;
    uint16_t local_port, peer_port;
    struct net_addr local, peer;
    uint64_t recv_q, send_q, inode;
    uint32_t uid;
    char timer[12];
    uint64_t timer_ms, timer_retries;
};

struct listing {
    const struct netstat_options *o;
    struct out *out;
    struct reverse *reverse; /* NULL: numbers */
    struct owners *owners;   /* NULL: not asked for */
    struct users users;
    struct hash titles;     /* pid -> index + 1 in title_texts */
    struct vec title_texts; /* char[OWNER_WIDTH + 1] */
    struct vec rows;        /* struct row, where names are waited for */
};

/* Ends */

static const char *service_protocol(enum net_kind kind)
{
    return kind == NET_TCP ? "tcp" : "udp";
}

static void format_port(struct buf *out, const struct listing *l, const struct row *row,
                        uint16_t port)
{
    const char *name = NULL;
    if (port == 0) {
        buf_char(out, '*');
        return;
    }
    if (!l->o->number_ports && row->kind == NET_RAW) {
        const struct protoent *p = getprotobynumber(port);
        name = p ? p->p_name : NULL;
    } else if (!l->o->number_ports) {
        name = reverse_service(l->reverse, port, service_protocol(row->kind));
    }
    if (name)
        netstat_text(out, name, strlen(name));
    else
        buf_u64(out, port);
}

static bool is_all_zero(const struct net_addr *a)
{
    static const uint8_t zeroes[16];
    return memcmp(a->bytes, zeroes, sizeof zeroes) == 0;
}

/* An IPv4 address in IPv6 stands as that address, which is never named. */
static void format_host(struct buf *out, const struct listing *l, const struct net_addr *a)
{
    char text[INET6_ADDRSTRLEN] = "";
    const char *name = NULL;
    bool mapped = net_addr_is_mapped(a);
    if (!l->o->number_hosts && !mapped && !is_all_zero(a))
        name = reverse_host(l->reverse, a);
    if (name) {
        netstat_text(out, name, strlen(name));
        return;
    }
    if (!l->o->number_hosts && a->family == AF_INET6 && is_all_zero(a)) {
        buf_str(out, "[::]");
        return;
    }
    struct net_addr plain = net_addr_unmap(a);
    inet_ntop(plain.family, plain.bytes, text, sizeof text);
    buf_str(out, text);
}

static void format_end(struct buf *out, const struct listing *l, const struct row *row, bool local)
{
    struct buf host = BUF_INIT(4096), port = BUF_INIT(4096);
    format_host(&host, l, local ? &row->local : &row->peer);
    format_port(&port, l, row, local ? row->local_port : row->peer_port);
    size_t room = port.len + 1 < END_WIDTH ? END_WIDTH - 1 - port.len : 0;
    size_t shown = l->o->wide || host.len < room ? host.len : room;
    size_t n = shown + 1 + port.len;
    buf_add(out, host.data, shown);
    buf_char(out, ':');
    buf_add(out, port.data, port.len);
    if (n < END_WIDTH)
        buf_repeat(out, ' ', END_WIDTH - n);
    buf_free(&host);
    buf_free(&port);
}

/* Owners */

/* The first word of the command line; the last part of a path, if it begins with a slash. */
static void describe_process(struct buf *out, int32_t pid)
{
    struct buf title = BUF_INIT(PROCESS_CMDLINE_MAX);
    struct buf all = BUF_INIT(PROCESS_CMDLINE_MAX + 32);
    (void)process_read_title(pid, &title);
    const char *from = title.data;
    size_t n = title.len;
    const char *slash = n && from[0] == '/' ? memrchr(from, '/', n) : NULL;
    if (slash) {
        n -= (size_t)(slash + 1 - from);
        from = slash + 1;
    }
    buf_printf(&all, "%d/", pid);
    buf_add(&all, from, n);
    size_t cut = all.len < TITLE_MAX ? all.len : TITLE_MAX;
    while (cut && cut < all.len && (all.data[cut] & 0xc0) == 0x80)
        cut--; /* no half characters */
    netstat_text(out, all.data, cut);
    buf_free(&title);
    buf_free(&all);
}

static const struct buf *title_of(struct listing *l, int32_t pid)
{
    uint64_t *at = hash_get(&l->titles, (uint64_t)pid);
    if (at)
        return vec_at(&l->title_texts, *at - 1);
    struct buf *text = vec_push(&l->title_texts);
    if (!text)
        return NULL;
    *text = BUF_INIT(256);
    describe_process(text, pid);
    at = hash_put(&l->titles, (uint64_t)pid, NULL);
    if (at)
        *at = l->title_texts.len;
    return text;
}

static void format_owner(struct buf *out, struct listing *l, uint64_t inode)
{
    const struct net_owner *holders = NULL;
    uint32_t n = 0;
    size_t before = out->len;
    const struct buf *title = NULL;
    if (inode && owners_find(l->owners, inode, &holders, &n) == OWNERS_FOUND && n)
        title = title_of(l, holders[0].pid);
    if (title)
        buf_add(out, title->data, title->len);
    else
        buf_char(out, '-');
    if (out->len - before < OWNER_WIDTH)
        buf_repeat(out, ' ', OWNER_WIDTH - (out->len - before));
}

/* Why some owners don't show: before the list, on standard error, as the original has it. */
static void tell_blindness(struct owners *o)
{
    struct owners_blind blind;
    _cleanup_vec_ struct vec any = VEC_INIT(struct owners_socket);
    owners_blind(o, &blind);
    if (!blind.closed && !blind.no_proc)
        return;
    if (owners_unasked(o, &any) == 0 && any.len)
        fputs("(Not all processes could be identified, non-owned process info\n"
              " will not be shown, you would have to be root to see it all.)\n",
              stderr);
    else
        fprintf(stderr,
                "(No info could be read for \"-p\": geteuid()=%u but you should be root.)\n",
                (unsigned)geteuid());
}

/* Sockets of IP */

static const char *protocol_name(const struct row *row)
{
    bool six = row->local.family == AF_INET6;
    switch (row->kind) {
    case NET_TCP:
        return six ? "tcp6" : "tcp";
    case NET_UDP:
        return six ? "udp6" : "udp";
    case NET_UDPLITE:
        return six ? "udpl6" : "udpl";
    default:
        return six ? "raw6" : "raw";
    }
}

static void format_state(char *to, size_t size, const struct row *row)
{
    const char *name = net_state_name((enum net_state)row->state);
    if (row->kind == NET_RAW) {
        snprintf(to, size, "%u", row->state);
        return;
    }
    if (row->kind != NET_TCP)
        name = row->state == NET_ESTABLISHED ? "ESTABLISHED"
               : row->state == NET_CLOSE     ? ""
                                             : "UNKNOWN";
    if (row->kind == NET_TCP && row->state == NET_NEW_SYN_RECV)
        name = "SYN_RECV";
    snprintf(to, size, "%s", name);
}

static void format_user(struct buf *out, struct listing *l, uint32_t uid)
{
    const char *name = l->o->number_users ? NULL : users_name(&l->users, uid);
    if (name)
        buf_printf(out, "%-10s ", name);
    else
        buf_printf(out, "%-10u ", uid);
}

static void format_timer(struct buf *out, const struct row *row)
{
    const char *name = row->timer[0] ? row->timer : "off";
    bool sends_again = strcmp(name, "on") == 0;
    if (strcmp(name, "persist") == 0)
        name = "probe";
    buf_printf(out, " %s (%.2f/%llu/%llu)", name, (double)row->timer_ms / 1000,
               sends_again ? (unsigned long long)row->timer_retries : 0,
               sends_again ? 0 : (unsigned long long)row->timer_retries);
}

static void print_row(struct listing *l, const struct row *row)
{
    struct buf *out = &l->out->buf;
    char state[24];
    format_state(state, sizeof state, row);
    buf_printf(out, "%-4s  %6llu %6llu ", protocol_name(row), (unsigned long long)row->recv_q,
               (unsigned long long)row->send_q);
    format_end(out, l, row, true);
    buf_char(out, ' ');
    format_end(out, l, row, false);
    buf_printf(out, " %-11s", state);
    if (l->o->extend) {
        buf_char(out, ' ');
        format_user(out, l, row->uid);
        buf_printf(out, "%-10llu", (unsigned long long)row->inode);
    }
    if (l->o->programs) {
        buf_char(out, ' ');
        format_owner(out, l, row->inode);
    }
    if (l->o->timers)
        format_timer(out, row);
    buf_char(out, '\n');
}

static bool is_wanted(const struct netstat_options *o, const struct net_socket *s)
{
    bool serves = s->kind == NET_TCP ? s->state == NET_LISTEN
                                     : !s->peer_port && net_addr_is_wildcard(&s->peer);
    return o->all || serves == o->listening;
}

static int take_socket(void *ctx, const struct net_socket *s)
{
    struct listing *l = ctx;
    struct row row = {
        .kind = (uint8_t)s->kind,
        .state = (uint8_t)s->state,
        .local_port = s->local_port,
        .peer_port = s->peer_port,
        .local = s->local,
        .peer = s->peer,
        .recv_q = s->recv_q,
        .send_q = s->send_q,
        .inode = s->inode,
        .uid = (uint32_t)s->uid,
        .timer_ms = s->timer_ms,
        .timer_retries = s->timer_retries,
    };
    memcpy(row.timer, s->timer, sizeof row.timer);
    if (!is_wanted(l->o, s))
        return 0;
    if (!l->reverse) {
        print_row(l, &row);
        return out_flush_if_full(l->out);
    }
    if (!l->o->number_hosts &&
        (reverse_ask(l->reverse, &s->local) < 0 || reverse_ask(l->reverse, &s->peer) < 0))
        return -ENOMEM;
    return vec_add(&l->rows, &row);
}

static void print_inet_heading(const struct listing *l)
{
    struct buf *out = &l->out->buf;
    buf_printf(out, "Active Internet connections %s\n",
               l->o->all         ? "(servers and established)"
               : l->o->listening ? "(only servers)"
                                 : "(w/o servers)");
    buf_str(out, "Proto Recv-Q Send-Q Local Address           Foreign Address         State      ");
    if (l->o->extend)
        buf_str(out, " User       Inode     ");
    if (l->o->programs)
        buf_str(out, " PID/Program name    ");
    if (l->o->timers)
        buf_str(out, " Timer");
    buf_char(out, '\n');
}

/* Sockets of UNIX */

static const char *unix_type(enum net_kind kind)
{
    return kind == NET_UNIX_STREAM      ? "STREAM"
           : kind == NET_UNIX_DGRAM     ? "DGRAM"
           : kind == NET_UNIX_SEQPACKET ? "SEQPACKET"
                                        : "UNKNOWN";
}

static const char *unix_state(const struct net_socket *s)
{
    if (s->state == NET_LISTEN)
        return "LISTENING";
    if (s->state == NET_ESTABLISHED)
        return s->detached == NET_IN_QUEUE ? "CONNECTING" : "CONNECTED";
    return s->detached == NET_ORPHAN ? "DISCONNECTING" : "";
}

static int take_unix(void *ctx, const struct net_socket *s)
{
    struct listing *l = ctx;
    struct buf *out = &l->out->buf;
    bool serves = s->state == NET_LISTEN;
    if (!l->o->all && serves != l->o->listening)
        return 0;
    buf_printf(out, "unix  %-6llu %-11s %-10s %-13s %-8llu ", (unsigned long long)s->refs,
               serves ? "[ ACC ]" : "[ ]", unix_type(s->kind), unix_state(s),
               (unsigned long long)s->inode);
    if (l->o->programs) {
        format_owner(out, l, s->inode);
        buf_char(out, ' ');
    }
    netstat_text(out, s->path, s->path_len);
    buf_char(out, '\n');
    return out_flush_if_full(l->out);
}

static void print_unix_heading(const struct listing *l)
{
    struct buf *out = &l->out->buf;
    buf_printf(out, "Active UNIX domain sockets %s\n",
               l->o->all         ? "(servers and established)"
               : l->o->listening ? "(only servers)"
                                 : "(w/o servers)");
    buf_str(out, "Proto RefCnt Flags       Type       State         I-Node   ");
    if (l->o->programs)
        buf_str(out, "PID/Program name     ");
    buf_str(out, "Path\n");
}

/* Which */

static bool names_protocol(const struct netstat_options *o)
{
    return o->tcp || o->udp || o->udplite || o->sctp || o->raw;
}

static uint32_t inet_kinds(const struct netstat_options *o)
{
    if (!names_protocol(o))
        return o->inet || o->inet6 || !*o->families || !o->unix_sockets
                   ? 1u << NET_TCP | 1u << NET_UDP | 1u << NET_UDPLITE | 1u << NET_RAW
                   : 0;
    return (o->tcp ? 1u << NET_TCP : 0) | (o->udp ? 1u << NET_UDP : 0) |
           (o->udplite ? 1u << NET_UDPLITE : 0) | (o->raw ? 1u << NET_RAW : 0);
}

static bool wants_unix(const struct netstat_options *o)
{
    return o->unix_sockets ? !o->groups : !names_protocol(o) && !o->inet && !o->inet6;
}

static int read_sockets(struct listing *l, uint32_t kinds, source_sink *sink)
{
    struct err e = {0};
    struct source_report report;
    struct source_query q = {
        .via = SOURCE_PROC,
        .as_listed = true,
        .kinds = kinds,
        .states = NET_STATES_ALL,
        .families = l->o->inet == l->o->inet6 ? 1u << AF_INET | 1u << AF_INET6
                    : l->o->inet              ? 1u << AF_INET
                                              : 1u << AF_INET6,
        .detail = l->o->timers ? SOURCE_TIMERS : 0,
        .netns_fd = -1,
    };
    source_report_init(&report);
    int r = source_read(&q, sink, l, &report, &e);
    source_report_clear(&report);
    if (r < 0 && e.code)
        err_print(&e, stderr);
    return r;
}

static int list_inet(struct listing *l, uint32_t kinds)
{
    print_inet_heading(l);
    int r = kinds ? read_sockets(l, kinds, take_socket) : 0;
    if (r < 0 || !l->reverse)
        return r;
    reverse_wait(l->reverse, time_monotonic_ns() + NAMES_TIMEOUT_NS);
    for (size_t i = 0; i < l->rows.len && r == 0; i++) {
        print_row(l, vec_at(&l->rows, i));
        r = out_flush_if_full(l->out);
    }
    l->rows.len = 0;
    return r;
}

static int open_owners(struct listing *l)
{
    struct err e = {0};
    static const struct source_query q = {.detail = SOURCE_OWNERS}; /* the owners borrow it */
    int r = owners_read(&q, &l->owners, &e);
    if (r < 0)
        err_print(&e, stderr);
    else
        tell_blindness(l->owners);
    return r;
}

static int list(struct listing *l)
{
    uint32_t kinds = inet_kinds(l->o);
    bool names = (!l->o->number_hosts || !l->o->number_ports) && kinds;
    int r = l->o->programs ? open_owners(l) : 0;
    if (r == 0 && names)
        r = reverse_new(NULL, &l->reverse);
    if (r == 0 && (kinds || l->o->sctp))
        r = list_inet(l, kinds);
    if (r == 0 && l->o->sctp && access("/proc/net/sctp", F_OK) != 0 && !l->o->inet6) {
        out_flush(l->out);
        fputs("netstat: no support for `AF INET (sctp)' on this system.\n", stderr);
        return -EOPNOTSUPP;
    }
    if (r == 0 && wants_unix(l->o)) {
        print_unix_heading(l);
        r = read_sockets(l, NET_KINDS_UNIX | 1u << NET_OTHER, take_unix);
    }
    return r;
}

static void listing_clear(struct listing *l)
{
    for (size_t i = 0; i < l->title_texts.len; i++)
        buf_free(vec_at(&l->title_texts, i));
    vec_free(&l->title_texts);
    vec_free(&l->rows);
    hash_free(&l->titles);
    users_clear(&l->users);
    owners_free(&l->owners);
    reverse_free(l->reverse);
}

int netstat_sockets(const struct netstat_options *o, struct out *out)
{
    struct listing l = {
        .o = o,
        .out = out,
        .title_texts = VEC_INIT(struct buf),
        .rows = VEC_INIT(struct row),
    };
    int r = list(&l);
    listing_clear(&l);
    return r < 0 ? EXIT_NO : EXIT_YES;
}
