/* netstat's list of the sockets of IP: columns where net-tools has them. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/time.h"
#include "dialect/netstat_listing.h"
#include "names/reverse.h"
#include "net/socket.h"

#define NAMES_TIMEOUT_NS UINT64_C(10000000000)

enum { END_WIDTH = 23 }; /* an address with its port; cut to it unless -W */

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
    buf_printf(out, "%-5s %6llu %6llu ", protocol_name(row), (unsigned long long)row->recv_q,
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
        netstat_owner(out, l, row->inode);
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

int netstat_inet(struct listing *l, uint32_t kinds)
{
    bool names = (!l->o->number_hosts || !l->o->number_ports) && kinds;
    int r = names ? reverse_new(NULL, &l->reverse) : 0;
    if (r < 0)
        return r;
    l->rows = VEC_INIT(struct row);
    print_inet_heading(l);
    r = kinds ? netstat_read(l, kinds, take_socket) : 0;
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

void netstat_inet_close(struct listing *l)
{
    vec_free(&l->rows);
    users_clear(&l->users);
    reverse_free(l->reverse);
}
