/* The texts of lsof's columns and fields. */
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/text.h"
#include "dialect/lsof.h"
#include "names/reverse.h"

/* Whether the surroundings' character set is UTF-8, by the variables that setlocale(3) goes by. */
static bool is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

static void add_control(struct buf *out, unsigned char c)
{
    static const char letters[] = "\bb\ff\nn\rr\tt";
    for (const char *l = letters; *l; l += 2) {
        if ((unsigned char)*l != c)
            continue;
        buf_printf(out, "\\%c", l[1]);
        return;
    }
    if (c < ' ' || c == 0x7f)
        buf_printf(out, "^%c", c == 0x7f ? '?' : c + '@');
    else
        buf_printf(out, "\\x%02x", c);
}

void lsof_printable(struct buf *out, const char *bytes, size_t n, bool blanks)
{
    bool utf8 = is_utf8();
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)bytes[i];
        unsigned wide;
        size_t length = utf8 && c >= 0x80 ? text_decode_utf8(bytes + i, n - i, &wide) : 0;
        if (c == ' ' && blanks)
            buf_str(out, "\\x20");
        else if (c >= ' ' && c < 0x7f)
            buf_char(out, (char)c);
        else if (length > 0 && !text_is_unsafe(wide))
            buf_add(out, bytes + i, length);
        else
            length = 0, add_control(out, c);
        i += length ? length : 1;
    }
}

const char *lsof_type(const struct lsof_file *f)
{
    static const char *const types[] = {
        [LSOF_INET] = "IPv4", [LSOF_UNIX] = "unix",   [LSOF_NETLINK] = "netlink",
        [LSOF_RAW] = "raw",   [LSOF_PACKET] = "pack", [LSOF_SOCK] = "sock",
    };
    if (f->socket->family == AF_INET6 && f->kind == LSOF_INET)
        return "IPv6";
    return f->socket->family == AF_INET6 && f->kind == LSOF_RAW ? "raw6" : types[f->kind];
}

void lsof_device(struct buf *out, const struct lsof_view *v, const struct lsof_file *f)
{
    switch (f->kind) {
    case LSOF_INET:
    case LSOF_PACKET:
        buf_u64(out, f->socket->inode);
        break;
    case LSOF_UNIX:
        buf_printf(out, "0x%016llx", (unsigned long long)f->number);
        break;
    case LSOF_SOCK:
        buf_printf(out, "%u,%u", major(v->host->sockfs), minor(v->host->sockfs));
        break;
    case LSOF_NETLINK:
    case LSOF_RAW:
        break;
    }
}

bool lsof_has_inode(const struct lsof_file *f)
{
    return f->kind != LSOF_INET && f->kind != LSOF_PACKET;
}

/* The protocols of packets that have names with lsof. */
static void add_packet_protocol(struct buf *out, uint64_t protocol)
{
    static const struct {
        uint16_t number;
        const char *name;
    } names[] = {
        {ETH_P_IP, "IP"},       {ETH_P_ARP, "ARP"}, {ETH_P_RARP, "RARP"},   {ETH_P_IPV6, "IPV6"},
        {ETH_P_802_3, "802.3"}, {ETH_P_ALL, "ALL"}, {ETH_P_802_2, "802.2"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].number == protocol) {
            buf_str(out, names[i].name);
            return;
        }
    }
    buf_u64(out, protocol);
}

void lsof_node(struct buf *out, const struct lsof_file *f)
{
    const struct net_socket *s = f->socket;
    if (lsof_has_inode(f))
        buf_u64(out, s->inode);
    else if (f->kind == LSOF_PACKET)
        add_packet_protocol(out, s->protocol);
    else
        buf_str(out, s->kind == NET_TCP ? "TCP" : s->kind == NET_UDP ? "UDP" : "UDPLITE");
}

void lsof_flags(struct buf *out, const struct lsof_file *f, char how)
{
    static const struct {
        uint32_t mask, value;
        const char *name;
    } names[] = {
        {O_ACCMODE, O_WRONLY, "W"},       {O_ACCMODE, O_RDWR, "RW"},
        {O_CREAT, O_CREAT, "CR"},         {O_EXCL, O_EXCL, "EXCL"},
        {O_NOCTTY, O_NOCTTY, "NTTY"},     {O_TRUNC, O_TRUNC, "TR"},
        {O_APPEND, O_APPEND, "AP"},       {O_NDELAY, O_NDELAY, "ND"},
        {O_SYNC, O_SYNC, "SYN"},          {O_ASYNC, O_ASYNC, "ASYN"},
        {O_DIRECT, O_DIRECT, "DIR"},      {O_DIRECTORY, O_DIRECTORY, "DTY"},
        {O_NOFOLLOW, O_NOFOLLOW, "NFLK"}, {O_NOATIME, O_NOATIME, "NATM"},
        {0100000, 0100000, "LG"}, /* O_LARGEFILE, which is 0 in 64-bit programs */
        {O_CLOEXEC, O_CLOEXEC, "CX"},
    };
    const char *comma = "";
    if (how != 'g') {
        buf_printf(out, "0x%x;0x0", f->flags);
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if ((f->flags & names[i].mask) != names[i].value)
            continue;
        buf_printf(out, "%s%s", comma, names[i].name);
        comma = ",";
    }
}

const char *lsof_login(const struct lsof_view *v, const struct lsof_process *p)
{
    if (v->words->numeric_users)
        return NULL;
    const char *name = users_name(&v->host->users, p->uid);
    if (!name && !v->words->no_warnings)
        lsof_fault("no pwd entry for UID %u", p->uid);
    return name;
}

void lsof_user(struct buf *out, const struct lsof_view *v, const struct lsof_process *p)
{
    const char *name = lsof_login(v, p);
    if (name)
        lsof_printable(out, name, strlen(name), true);
    else
        buf_printf(out, "%8u", p->uid);
}

/* Bytes that others chose: in JSON as they are, since its writer escapes them. */
static void add_bytes(struct buf *out, const struct lsof_view *v, const char *bytes, size_t n,
                      bool blanks)
{
    if (v->words->output == LSOF_JSON || v->words->output == LSOF_JSON_LINES)
        buf_add(out, bytes, n);
    else
        lsof_printable(out, bytes, n, blanks);
}

static void add_end(struct buf *out, const struct lsof_view *v, const struct net_socket *s,
                    const struct net_addr *addr, uint32_t port)
{
    const struct lsof_words *w = v->words;
    struct reverse *r = v->host->reverse;
    struct net_addr plain = net_addr_unmap(addr);
    bool wildcard = net_addr_is_wildcard(addr);
    const char *host = wildcard ? "*" : r && !w->numeric_hosts ? reverse_host(r, addr) : NULL;
    const char *protocol = s->kind == NET_TCP ? "tcp" : "udp";
    const char *service = NULL;
    if (port && r && !w->numeric_ports && port <= UINT16_MAX)
        service = reverse_service(r, (uint16_t)port, protocol);
    if (host) {
        add_bytes(out, v, host, strlen(host), false);
    } else {
        buf_str(out, plain.family == AF_INET6 ? "[" : "");
        net_addr_format(out, &plain);
        buf_str(out, plain.family == AF_INET6 ? "]" : "");
    }
    buf_char(out, ':');
    if (service)
        add_bytes(out, v, service, strlen(service), false);
    else if (port)
        buf_u64(out, port);
    else
        buf_char(out, '*');
}

static void add_inet_name(struct buf *out, const struct lsof_view *v, const struct net_socket *s)
{
    add_end(out, v, s, &s->local, s->local_port);
    if (!s->peer_port && net_addr_is_wildcard(&s->peer))
        return;
    buf_str(out, "->");
    add_end(out, v, s, &s->peer, s->peer_port);
}

static void add_unix_name(struct buf *out, const struct lsof_view *v, const struct net_socket *s)
{
    static const char *const types[] = {
        [NET_UNIX_STREAM] = "STREAM",
        [NET_UNIX_DGRAM] = "DGRAM",
        [NET_UNIX_SEQPACKET] = "SEQPACKET",
    };
    char path[sizeof s->path];
    for (unsigned i = 0; i < s->path_len; i++) /* as /proc/net/unix has them */
        path[i] = s->path[i] ? s->path[i] : '@';
    add_bytes(out, v, path, s->path_len, false);
    buf_printf(out, "%stype=%s", s->path_len ? " " : "", types[s->kind]);
}

/* By the names of linux/netlink.h, two of them old ones. */
static void add_netlink_name(struct buf *out, const struct net_socket *s)
{
    static const struct {
        int protocol;
        const char *name;
    } names[] = {
        {NETLINK_SOCK_DIAG, "INET_DIAG"},
        {NETLINK_FIB_LOOKUP, "FIB_LOOKUP"},
        {NETLINK_KOBJECT_UEVENT, "KOBJECT_UEVENT"},
    };
    _cleanup_buf_ struct buf name = BUF_INIT(256);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (net_socket_knows(s, NET_F_PROTOCOL) && s->protocol == (uint64_t)names[i].protocol) {
            buf_str(out, names[i].name);
            return;
        }
    }
    net_socket_address(&name, s, NET_END_LOCAL);
    for (const char *c = buf_cstr(&name); *c; c++)
        buf_char(out, *c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c);
}

/* As /proc/net/raw has it. */
static void add_raw_end(struct buf *out, const struct net_addr *a, uint32_t port)
{
    size_t n = net_addr_length(a) ? net_addr_length(a) : 4;
    for (size_t i = 0; i < n; i += 4) {
        uint32_t word;
        memcpy(&word, a->bytes + i, sizeof word);
        buf_printf(out, "%08X", word);
    }
    buf_printf(out, ":%04X", port);
}

static void add_raw_name(struct buf *out, const struct net_socket *s)
{
    struct net_addr peer = s->peer;
    if (!net_addr_length(&peer))
        peer.family = s->local.family;
    add_raw_end(out, &s->local, net_socket_knows(s, NET_F_PROTOCOL) ? (uint32_t)s->protocol : 0);
    buf_str(out, "->");
    add_raw_end(out, &peer, 0);
    buf_printf(out, " st=%02X", s->state);
}

static const struct lsof_process *find_process(const struct lsof_host *h, int32_t pid)
{
    for (size_t i = 0; i < h->processes.len; i++) {
        const struct lsof_process *p = vec_at(&h->processes, i);
        if (p->pid == pid)
            return p;
    }
    return NULL;
}

static void add_holder(struct buf *out, const struct lsof_view *v, const struct lsof_file *end)
{
    const struct lsof_process *p = find_process(v->host, end->pid);
    buf_printf(out, " %d,", end->pid);
    if (p)
        add_bytes(out, v, p->comm, strlen(p->comm), true);
    buf_printf(out, ",%d%c", end->fd, end->access);
}

/* "->INO=N PID,command,FDmode" for UNIX, "PID,command,FDmode" for connections within this host; the
 * later holders first, as lsof has them. */
static void add_endpoints(struct buf *out, const struct lsof_view *v, const struct lsof_file *f)
{
    bool named = f->kind != LSOF_UNIX;
    for (size_t i = v->host->files.len; i-- > 0;) {
        const struct lsof_file *end = vec_at(&v->host->files, i);
        if (!lsof_is_end(end, f))
            continue;
        if (!named)
            buf_printf(out, " ->INO=%llu", (unsigned long long)f->peer);
        named = true;
        add_holder(out, v, end);
    }
}

void lsof_name(struct buf *out, const struct lsof_view *v, const struct lsof_file *f)
{
    switch (f->kind) {
    case LSOF_INET:
        add_inet_name(out, v, f->socket);
        break;
    case LSOF_UNIX:
        add_unix_name(out, v, f->socket);
        break;
    case LSOF_NETLINK:
        add_netlink_name(out, f->socket);
        break;
    case LSOF_RAW:
        add_raw_name(out, f->socket);
        break;
    case LSOF_PACKET:
        buf_printf(out, "type=%s",
                   f->number == SOCK_RAW     ? "SOCK_RAW"
                   : f->number == SOCK_DGRAM ? "SOCK_DGRAM"
                                             : "SOCK_PACKET");
        break;
    case LSOF_SOCK:
        buf_str(out, f->protocol[0] ? "protocol: " : "can't identify protocol");
        add_bytes(out, v, f->protocol, strlen(f->protocol), false);
        break;
    }
    if (v->words->endpoints != LSOF_NO_ENDPOINTS)
        add_endpoints(out, v, f);
}
