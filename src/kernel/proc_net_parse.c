#include "kernel/proc_net_parse.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/diag_decode.h"
#include "kernel/source.h"

enum {
    TIMER_RETRANSMIT = 1, /* the others count probes (inet_csk_diag_fill does it so) */
    TIMER_TIMEWAIT = 3,
    MS_PER_TICK = 10,     /* USER_HZ is 100 on every machine that Linux runs on but alpha */
    ACCEPTING = 0x10000,  /* __SO_ACCEPTCON, in the flags of UNIX sockets */
    UNIX_UNCONNECTED = 1, /* SS_UNCONNECTED … of include/uapi/linux/net.h, as */
    UNIX_CONNECTING = 2,  /* unix_seq_show writes them: CONNECTING is "connected, and no */
    UNIX_CONNECTED = 3,   /* program has it", DISCONNECTING the same unconnected */
    UNIX_DISCONNECTING = 4,
};

struct cursor {
    const char *at, *end;
    bool failed;
};

static void skip_blanks(struct cursor *c)
{
    while (c->at < c->end && *c->at == ' ')
        c->at++;
}

static int digit_of(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    if (ch >= 'a' && ch <= 'f')
        return ch - 'a' + 10;
    return ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : 16;
}

/* Digits up to anything else; at least one, and no more than fit. */
static uint64_t number(struct cursor *c, unsigned base)
{
    uint64_t value = 0;
    const char *from = c->at;
    while (c->at < c->end) {
        unsigned digit = (unsigned)digit_of(*c->at);
        if (digit >= base)
            break;
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            c->failed = true;
        c->at++;
    }
    c->failed |= c->at == from;
    return value;
}

static uint64_t word(struct cursor *c, unsigned base)
{
    skip_blanks(c);
    uint64_t value = number(c, base);
    c->failed |= c->at < c->end && *c->at != ' ';
    return value;
}

static void skip_word(struct cursor *c)
{
    skip_blanks(c);
    c->failed |= c->at == c->end;
    while (c->at < c->end && *c->at != ' ')
        c->at++;
}

static void expect(struct cursor *c, char ch)
{
    if (c->at < c->end && *c->at == ch)
        c->at++;
    else
        c->failed = true;
}

static void know(struct net_socket *row, enum net_field f, uint64_t *to, uint64_t value)
{
    *to = value;
    diag_know(row, f);
}

/* An address is written as words of 32 bits in the order of the machine. */
static void end_of(struct cursor *c, struct net_addr *ret, uint32_t *ret_port)
{
    uint32_t words[4] = {0};
    size_t n = 0;
    skip_blanks(c);
    for (; n < 4 && c->end - c->at >= 8 && *c->at != ':'; n++) {
        struct cursor part = {c->at, c->at + 8, false};
        words[n] = (uint32_t)number(&part, 16);
        c->failed |= part.failed || part.at != part.end;
        c->at += 8;
    }
    c->failed |= n != 1 && n != 4;
    *ret = net_addr_from_bytes(n == 4 ? AF_INET6 : AF_INET, words);
    expect(c, ':');
    *ret_port = (uint32_t)number(c, 16);
    c->failed |= *ret_port > UINT16_MAX;
}

static void pair(struct cursor *c, uint64_t *ret_first, uint64_t *ret_second)
{
    skip_blanks(c);
    *ret_first = number(c, 16);
    expect(c, ':');
    *ret_second = number(c, 16);
}

static void set_timer(struct net_socket *row, uint64_t timer, uint64_t ticks, uint64_t retries)
{
    static const char *const names[] = {"", "on", "keepalive", "timewait", "persist"};
    if (!timer || timer >= sizeof names / sizeof *names)
        return;
    strcpy(row->timer, names[timer]);
    diag_know(row, NET_F_TIMER);
    know(row, NET_F_TIMER_MS, &row->timer_ms, ticks * MS_PER_TICK);
    know(row, NET_F_TIMER_RETRIES, &row->timer_retries, retries);
}

static enum net_state state_of(enum net_kind kind, uint64_t number_of, uint64_t inode)
{
    if (number_of >= NET_STATES)
        return NET_STATE_UNKNOWN;
    /* Of those without a program, TCP Fast Open's SYN_RECV looks like a request here. */
    if (kind == NET_TCP && number_of == NET_SYN_RECV && !inode)
        return NET_NEW_SYN_RECV;
    return (enum net_state)number_of;
}

static void set_inet_owner(struct net_socket *row, uint64_t uid, uint64_t inode, uint64_t timer)
{
    if (inode)
        know(row, NET_F_INODE, &row->inode, inode);
    if (inode || uid) /* without a program, the kernel writes 0 for "nobody" */
        know(row, NET_F_UID, &row->uid, uid);
    if (!inode)
        row->detached = timer == TIMER_TIMEWAIT ? NET_TIME_WAITING : diag_detached(row->state);
}

static void set_inet_queues(struct net_socket *row, uint64_t sent, uint64_t received)
{
    know(row, NET_F_RECV_Q, &row->recv_q, received);
    if (row->state != NET_LISTEN) /* it would be the backlog, and is always 0 */
        know(row, NET_F_SEND_Q, &row->send_q, sent);
}

/* "sl: local rem st tx:rx tr:when retrnsmt uid timeout inode ref pointer …" (get_tcp4_sock); of
 * datagrams the drops are the next. */
int proc_net_parse_inet(const char *line, size_t n, enum net_kind kind, uint32_t detail,
                        struct net_socket *row)
{
    struct cursor c = {line, line + n, false};
    uint64_t sent, received, timer, ticks;
    skip_blanks(&c);
    number(&c, 10);
    expect(&c, ':');
    row->kind = kind;
    end_of(&c, &row->local, &row->local_port);
    end_of(&c, &row->peer, &row->peer_port);
    uint64_t state = word(&c, 16);
    pair(&c, &sent, &received);
    pair(&c, &timer, &ticks);
    uint64_t retries = word(&c, 16);
    uint64_t uid = word(&c, 10);
    uint64_t probes = word(&c, 10);
    uint64_t inode = word(&c, 10);
    if (c.failed || row->local.family != row->peer.family)
        return -EINVAL;

    row->family = row->local.family;
    row->state = state_of(kind, state, inode);
    diag_know(row, NET_F_LOCAL);
    if (row->peer_port || !net_addr_is_wildcard(&row->peer))
        diag_know(row, NET_F_PEER);
    net_socket_forbid(row, NET_F_DEVICE); /* there may be one, and it isn't told */
    if (kind == NET_RAW)
        know(row, NET_F_PROTOCOL, &row->protocol, row->local_port);
    set_inet_queues(row, sent, received);
    set_inet_owner(row, uid, inode, timer);
    if (detail & SOURCE_TIMERS && ticks < UINT64_MAX / MS_PER_TICK)
        set_timer(row, timer, ticks, timer == TIMER_RETRANSMIT ? retries : probes);
    if (detail & SOURCE_MEMORY && kind != NET_TCP) {
        skip_word(&c);
        skip_word(&c);
        uint64_t drops = word(&c, 10);
        if (!c.failed)
            know(row, NET_F_DROPS, &row->drops, drops);
    }
    return 0;
}

static void set_unix_state(struct net_socket *row, uint64_t flags, uint64_t state)
{
    bool connected = state == UNIX_CONNECTED || state == UNIX_CONNECTING;
    row->state = flags & ACCEPTING ? NET_LISTEN : connected ? NET_ESTABLISHED : NET_CLOSE;
    if (state == UNIX_CONNECTING)
        row->detached = NET_IN_QUEUE;
    else if (state == UNIX_DISCONNECTING)
        row->detached = NET_ORPHAN;
}

/* "Num: RefCount Protocol Flags Type St Inode Path" (unix_seq_show). The path is written as it is,
 * a newline in it too: its rest is a line that isn't understood, or one that says what its maker
 * wanted. sock_diag doesn't have that fault. Of an abstract name NULs come as @. */
int proc_net_parse_unix(const char *line, size_t n, enum net_kind kind, uint32_t detail,
                        struct net_socket *row)
{
    struct cursor c = {line, line + n, false};
    (void)kind, (void)detail;
    skip_blanks(&c);
    number(&c, 16);
    expect(&c, ':');
    uint64_t refs = word(&c, 16);
    word(&c, 16);
    uint64_t flags = word(&c, 16);
    uint64_t type = word(&c, 16);
    uint64_t state = word(&c, 16);
    uint64_t inode = word(&c, 10);
    if (c.failed)
        return -EINVAL;

    row->kind = net_kind_of_unix((int)type);
    row->family = AF_UNIX;
    set_unix_state(row, flags, state);
    know(row, NET_F_REFS, &row->refs, refs);
    if (inode)
        know(row, NET_F_INODE, &row->inode, inode);
    if (c.at == c.end)
        return 0;
    c.at++; /* one blank; more are the name's */
    size_t length = (size_t)(c.end - c.at);
    if (length > sizeof row->path - 1)
        length = sizeof row->path - 1;
    memcpy(row->path, c.at, length);
    row->path_len = (uint8_t)length;
    if (length)
        diag_know(row, NET_F_PATH);
    return 0;
}

/* "sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode" (netlink_native_seq_show). */
int proc_net_parse_netlink(const char *line, size_t n, enum net_kind kind, uint32_t detail,
                           struct net_socket *row)
{
    struct cursor c = {line, line + n, false};
    word(&c, 16);
    uint64_t protocol = word(&c, 10);
    uint64_t port_id = word(&c, 10);
    uint64_t groups = word(&c, 16);
    uint64_t received = word(&c, 10);
    uint64_t sent = word(&c, 10);
    skip_word(&c);
    skip_word(&c);
    uint64_t drops = word(&c, 10);
    uint64_t inode = word(&c, 10);
    if (c.failed)
        return -EINVAL;

    row->kind = kind;
    row->family = AF_NETLINK;
    row->state = NET_CLOSE; /* whether it is connected isn't told */
    row->local_id = port_id;
    row->detached = port_id ? NET_ATTACHED : NET_OF_KERNEL;
    diag_know(row, NET_F_LOCAL);
    know(row, NET_F_PROTOCOL, &row->protocol, protocol);
    know(row, NET_F_GROUPS, &row->groups, groups);
    know(row, NET_F_RECV_Q, &row->recv_q, received);
    know(row, NET_F_SEND_Q, &row->send_q, sent);
    know(row, NET_F_INODE, &row->inode, inode);
    if (detail & SOURCE_MEMORY)
        know(row, NET_F_DROPS, &row->drops, drops);
    return 0;
}

/* "sk RefCnt Type Proto Iface R Rmem User Inode" (packet_seq_show). */
int proc_net_parse_packet(const char *line, size_t n, enum net_kind kind, uint32_t detail,
                          struct net_socket *row)
{
    struct cursor c = {line, line + n, false};
    (void)detail;
    word(&c, 16);
    word(&c, 10);
    word(&c, 10);
    uint64_t protocol = word(&c, 16);
    uint64_t ifindex = word(&c, 10);
    word(&c, 10);
    uint64_t received = word(&c, 10);
    uint64_t uid = word(&c, 10);
    uint64_t inode = word(&c, 10);
    if (c.failed || ifindex > UINT32_MAX || protocol > UINT16_MAX)
        return -EINVAL;

    row->kind = kind;
    row->family = AF_PACKET;
    row->state = NET_CLOSE; /* they have none */
    row->local_id = ifindex;
    row->ifindex = (uint32_t)ifindex;
    row->local_port = (uint32_t)protocol;
    diag_know(row, NET_F_LOCAL);
    know(row, NET_F_PROTOCOL, &row->protocol, protocol);
    know(row, NET_F_RECV_Q, &row->recv_q, received);
    know(row, NET_F_UID, &row->uid, uid);
    know(row, NET_F_INODE, &row->inode, inode);
    return 0;
}
