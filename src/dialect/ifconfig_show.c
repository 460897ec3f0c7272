/* What ifconfig prints of an interface: a line of a table, or a paragraph. */
#include "dialect/ifconfig_show.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/out.h"
#include "dialect/netstat.h"

enum { FILE_MAX = 16 << 20, UNSPEC_BYTES = 16 };

static const struct ifconfig_counters *counters_of(const struct ifconfig *i,
                                                   const struct ifconfig_entry *e)
{
    for (size_t k = 0; !e->alias && k < i->counters.len; k++) {
        const struct ifconfig_counters *c = vec_at(&i->counters, k);
        if (strcmp(c->name, e->name) == 0)
            return c;
    }
    return NULL;
}

/* The table */

static void format_letters(char to[24], uint32_t flags)
{
    static const struct {
        uint32_t flag;
        char letter;
    } letters[] = {
        {IFF_ALLMULTI, 'A'},  {IFF_BROADCAST, 'B'},   {IFF_DEBUG, 'D'},   {IFF_LOOPBACK, 'L'},
        {IFF_MULTICAST, 'M'}, {IFF_DYNAMIC, 'd'},     {IFF_PROMISC, 'P'}, {IFF_NOTRAILERS, 'N'},
        {IFF_NOARP, 'O'},     {IFF_POINTOPOINT, 'P'}, {IFF_SLAVE, 's'},   {IFF_MASTER, 'm'},
        {IFF_RUNNING, 'R'},   {IFF_UP, 'U'},
    };
    size_t n = 0;
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (flags & letters[i].flag)
            to[n++] = letters[i].letter;
    to[n] = '\0';
}

void ifconfig_print_line(const struct ifconfig *i, const struct ifconfig_entry *e, struct out *out)
{
    const struct ifconfig_counters *c = counters_of(i, e);
    char letters[24], name[NETSTAT_NAME];
    struct buf *b = &out->buf;
    format_letters(letters, e->link->flags);
    buf_printf(b, "%-15s %5u ", netstat_name(name, e->name), e->link->mtu);
    if (c)
        buf_printf(b, "%8llu %6llu %6llu %-6llu %8llu %6llu %6llu %6llu ",
                   (unsigned long long)c->rx_packets, (unsigned long long)c->rx_errors,
                   (unsigned long long)c->rx_dropped, (unsigned long long)c->rx_fifo,
                   (unsigned long long)c->tx_packets, (unsigned long long)c->tx_errors,
                   (unsigned long long)c->tx_dropped, (unsigned long long)c->tx_fifo);
    else
        buf_str(b, "     - no statistics available -                        ");
    buf_printf(b, "%s\n", letters);
}

/* The paragraph */

static void print_flags(struct buf *out, uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {
        {IFF_UP, "UP"},
        {IFF_BROADCAST, "BROADCAST"},
        {IFF_DEBUG, "DEBUG"},
        {IFF_LOOPBACK, "LOOPBACK"},
        {IFF_POINTOPOINT, "POINTOPOINT"},
        {IFF_NOTRAILERS, "NOTRAILERS"},
        {IFF_RUNNING, "RUNNING"},
        {IFF_NOARP, "NOARP"},
        {IFF_PROMISC, "PROMISC"},
        {IFF_ALLMULTI, "ALLMULTI"},
        {IFF_SLAVE, "SLAVE"},
        {IFF_MASTER, "MASTER"},
        {IFF_MULTICAST, "MULTICAST"},
        {IFF_DYNAMIC, "DYNAMIC"},
    };
    bool first = true;
    /* The original's type is a short of 16 bits, negative with DYNAMIC. */
    buf_printf(out, "flags=%d<", (int16_t)(flags & 0xffff));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!(flags & names[i].flag))
            continue;
        buf_printf(out, "%s%s", first ? "" : ",", names[i].name);
        first = false;
    }
    buf_char(out, '>');
}

static void format_ipv4(char to[INET_ADDRSTRLEN], const struct net_addr *a)
{
    inet_ntop(AF_INET, a->bytes, to, INET_ADDRSTRLEN);
}

/* The first address with that label: the ioctls that the original uses tell no other. */
static void print_ipv4(struct buf *out, const struct ifconfig_entry *e)
{
    const struct net_iface_addr *a = NULL;
    char own[INET_ADDRSTRLEN], mask[INET_ADDRSTRLEN], other[INET_ADDRSTRLEN];
    for (uint32_t k = 0; !a && k < e->link->n_addrs; k++)
        if (e->link->addrs[k].addr.family == AF_INET &&
            strcmp(e->link->addrs[k].label, e->name) == 0)
            a = &e->link->addrs[k];
    if (!a)
        return;
    uint32_t bits = a->prefix_len ? htonl(UINT32_MAX << (32 - a->prefix_len)) : 0;
    struct net_addr netmask = net_addr_from_bytes(AF_INET, &bits);
    format_ipv4(own, &a->addr);
    format_ipv4(mask, &netmask);
    buf_printf(out, "        inet %s  netmask %s", own, mask);
    if (e->link->flags & IFF_BROADCAST) {
        format_ipv4(other, &a->broadcast);
        buf_printf(out, "  broadcast %s", other);
    }
    if (e->link->flags & IFF_POINTOPOINT) {
        format_ipv4(other, a->peer.family == AF_INET ? &a->peer : &a->addr);
        buf_printf(out, "  destination %s", other);
    }
    buf_char(out, '\n');
}

static void print_scope(struct buf *out, unsigned scope)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {{0x80, "compat"}, {0, "global"}, {0x20, "link"}, {0x40, "site"}, {0x10, "host"}};
    bool first = true;
    buf_printf(out, "  scopeid 0x%x", scope);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].bit ? !(scope & names[i].bit) : (scope & ~0x80u) != 0)
            continue;
        buf_printf(out, "%c%s", first ? '<' : ',', names[i].name);
        first = false;
    }
    buf_str(out, first ? "\n" : ">\n");
}

/* "fd00…02 04 40 00 82 eth0": address, index, prefix, scope, flags, device (if6_seq_show). In the
 * order of this file, which isn't that of rtnetlink. */
static void print_ipv6(struct buf *out, const struct ifconfig_entry *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(FILE_MAX);
    char *line, *w[8], address[INET6_ADDRSTRLEN];
    if (e->alias || netstat_file("if_inet6", &text) < 0)
        return;
    for (char *at = text.data; at && netstat_line(&at, &line);) {
        struct in6_addr a;
        if (netstat_words(line, w, 8) < 6 || strcmp(w[5], e->name) != 0 || strlen(w[0]) != 32)
            continue;
        for (size_t i = 0; i < 16; i++) {
            const char two[] = {w[0][2 * i], w[0][2 * i + 1], '\0'};
            a.s6_addr[i] = (uint8_t)strtoul(two, NULL, 16);
        }
        inet_ntop(AF_INET6, &a, address, sizeof address);
        buf_printf(out, "        inet6 %s  prefixlen %lu", address, strtoul(w[2], NULL, 16));
        print_scope(out, (unsigned)strtoul(w[3], NULL, 16));
    }
}

/* How the address of a kind of hardware is written. */
enum form { FORM_BYTES, FORM_NONE, FORM_EMPTY, FORM_UNSPEC };

static const struct hardware {
    uint16_t type;
    const char *name, *title;
    enum form form;
    char separator;
    uint8_t length; /* FORM_BYTES */
} hardwares[] = {
    {ARPHRD_ETHER, "ether", "Ethernet", FORM_BYTES, ':', 6},
    {ARPHRD_LOOPBACK, "loop", "Local Loopback", FORM_NONE, 0, 0},
    {ARPHRD_PPP, "ppp", "Point-to-Point Protocol", FORM_NONE, 0, 0},
    {ARPHRD_SIT, "sit", "IPv6-in-IPv4", FORM_NONE, 0, 0},
    {ARPHRD_TUNNEL, "tunnel", "IPIP Tunnel", FORM_EMPTY, 0, 0},
    {ARPHRD_NETROM, "netrom", "AMPR NET/ROM", FORM_EMPTY, 0, 0},
    {ARPHRD_AX25, "ax25", "AMPR AX.25", FORM_EMPTY, 0, 0},
    {ARPHRD_X25, "x25", "generic X.25", FORM_EMPTY, 0, 0},
    {ARPHRD_ARCNET, "arcnet", "ARCnet", FORM_BYTES, ':', 1},
    {ARPHRD_EUI64, "eui64", "Generic EUI-64", FORM_BYTES, ':', 8},
    {ARPHRD_FDDI, "fddi", "Fiber Distributed Data Interface", FORM_BYTES, '-', 6},
    {ARPHRD_HIPPI, "hippi", "HIPPI", FORM_BYTES, ':', 6},
    {ARPHRD_SLIP, "slip", "Serial Line IP", FORM_NONE, 0, 0},
    {ARPHRD_CSLIP, "cslip", "VJ Serial Line IP", FORM_NONE, 0, 0},
    {ARPHRD_SLIP6, "slip6", "6-bit Serial Line IP", FORM_NONE, 0, 0},
    {ARPHRD_CSLIP6, "cslip6", "VJ 6-bit Serial Line IP", FORM_NONE, 0, 0},
    {ARPHRD_ADAPT, "adaptive", "Adaptive Serial Line IP", FORM_NONE, 0, 0},
    {ARPHRD_HDLC, "hdlc", "(Cisco)-HDLC", FORM_NONE, 0, 0},
    {ARPHRD_LAPB, "lapb", "LAPB", FORM_NONE, 0, 0},
    {ARPHRD_FRAD, "frad", "Frame Relay Access Device", FORM_NONE, 0, 0},
    {ARPHRD_ECONET, "ec", "Econet", FORM_NONE, 0, 0},
};

static void print_hardware(struct buf *out, const struct net_iface *link)
{
    static const struct hardware unspec = {0, "unspec", "UNSPEC", FORM_UNSPEC, '-', UNSPEC_BYTES};
    const struct hardware *h = &unspec;
    for (size_t i = 0; i < sizeof hardwares / sizeof *hardwares; i++)
        if (hardwares[i].type == link->type)
            h = &hardwares[i];
    buf_printf(out, "        %s%s", h->name, h->form == FORM_NONE ? "" : " ");
    for (size_t i = 0; i < h->length; i++) {
        /* Of longer addresses the ioctl has the first 14 bytes. */
        unsigned byte = i < link->mac_len && i < 14 ? link->mac[i] : 0;
        if (i)
            buf_char(out, h->separator);
        buf_printf(out, h->form == FORM_UNSPEC || h->separator == '-' ? "%02X" : "%02x", byte);
    }
    buf_printf(out, "  txqueuelen %u  (%s)\n", link->txqueuelen, h->title);
}

static void print_bytes(struct buf *out, const char *way, uint64_t packets, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    buf_printf(out, "        %s packets %llu  bytes %llu (", way, (unsigned long long)packets,
               (unsigned long long)bytes);
    size_t unit = 0;
    uint64_t whole = bytes, size = 1;
    while (whole > 1024 && unit + 1 < sizeof units / sizeof *units) {
        whole /= 1024;
        size *= 1024;
        unit++;
    }
    /* Cut, not rounded, to one digit. */
    uint64_t tenths = size == 1 ? 0 : bytes % size / (size / 1024) * 10 / 1024;
    buf_printf(out, "%llu.%llu %s)\n", (unsigned long long)(bytes / size),
               (unsigned long long)tenths, units[unit]);
}

static void print_counters(struct buf *out, const struct ifconfig_counters *c)
{
    print_bytes(out, "RX", c->rx_packets, c->rx_bytes);
    buf_printf(out, "        RX errors %llu  dropped %llu  overruns %llu  frame %llu\n",
               (unsigned long long)c->rx_errors, (unsigned long long)c->rx_dropped,
               (unsigned long long)c->rx_fifo, (unsigned long long)c->rx_frame);
    print_bytes(out, "TX", c->tx_packets, c->tx_bytes);
    buf_printf(
        out, "        TX errors %llu  dropped %llu overruns %llu  carrier %llu  collisions %llu\n",
        (unsigned long long)c->tx_errors, (unsigned long long)c->tx_dropped,
        (unsigned long long)c->tx_fifo, (unsigned long long)c->tx_carrier,
        (unsigned long long)c->tx_collisions);
}

void ifconfig_print_paragraph(const struct ifconfig *i, const struct ifconfig_entry *e,
                              struct out *out)
{
    const struct ifconfig_counters *c = counters_of(i, e);
    struct buf *b = &out->buf;
    char name[NETSTAT_NAME];
    buf_printf(b, "%s: ", netstat_name(name, e->name));
    print_flags(b, e->link->flags);
    buf_printf(b, "  mtu %u\n", e->link->mtu);
    print_ipv4(b, e);
    print_ipv6(b, e);
    print_hardware(b, e->link);
    if (c)
        print_counters(b, c);
    buf_char(b, '\n');
}
