#include "cmd/iface_columns.h"

#include <assert.h>
#include <linux/if_addr.h>
#include <string.h>

#include "base/buf.h"
#include "net/iface_text.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct net_iface *iface_of(const void *row)
{
    return ((const struct iface_row *)row)->iface;
}

static const struct net_iface_addr *addr_of(const void *row)
{
    return ((const struct iface_addr_row *)row)->addr;
}

/* A text that its column's text() makes. */
static void get_made(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    (void)row;
    ret->presence = KNOWN;
}

/* Counters. A row is a struct net_iface_counters. */

static void get_counter(const struct render_column *c, const void *row, struct cell *ret)
{
    cell_set_uint(ret, ((const uint64_t *)row)[c->id]);
}

#define COUNTER(name, at)                                                                    \
    {                                                                                        \
        .key = name, .kind = CELL_UINT, .id = at, .get = get_counter, .align = RENDER_RIGHT, \
        .additive = true                                                                     \
    }
static const struct render_column rx_columns[] = {
    COUNTER("bytes", 0),   COUNTER("packets", 1), COUNTER("errors", 2),    COUNTER("dropped", 3),
    COUNTER("overrun", 4), COUNTER("frame", 5),   COUNTER("multicast", 6),
};
static const struct render_column tx_columns[] = {
    COUNTER("bytes", 0),   COUNTER("packets", 1), COUNTER("errors", 2),     COUNTER("dropped", 3),
    COUNTER("overrun", 4), COUNTER("carrier", 5), COUNTER("collisions", 6),
};

static void get_rx(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_object(ret, &iface_of(row)->rx);
}

static void get_tx(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_object(ret, &iface_of(row)->tx);
}

static void text_traffic(const struct render_column *c, const void *row, struct buf *out)
{
    const struct net_iface_counters *n =
        strcmp(c->key, "rx") == 0 ? &iface_of(row)->rx : &iface_of(row)->tx;
    buf_u64(out, n->bytes);
}

/* Addresses. A row is a struct iface_addr_row. */

static void get_family(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, addr_of(row)->addr.family == AF_INET6 ? "inet6" : "inet");
}

enum { OF_ADDRESS, OF_PEER, OF_BROADCAST };
static const struct net_addr *end_of(const struct net_iface_addr *a, int which)
{
    return which == OF_ADDRESS ? &a->addr : which == OF_PEER ? &a->peer : &a->broadcast;
}

static void get_end(const struct render_column *c, const void *row, struct cell *ret)
{
    if (end_of(addr_of(row), c->id)->family)
        ret->presence = KNOWN;
}

static void text_end(const struct render_column *c, const void *row, struct buf *out)
{
    net_addr_format(out, end_of(addr_of(row), c->id));
}

static void get_prefix_len(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_uint(ret, addr_of(row)->prefix_len);
}

static void text_scope(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    net_iface_format_scope(out, addr_of(row)->scope);
}

static void get_addr_flag(const struct render_column *c, const void *row, struct cell *ret)
{
    cell_set_bool(ret, (addr_of(row)->flags & (uint32_t)c->id) != 0);
}

static void text_addr_flags(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    net_iface_format_addr_flags(out, addr_of(row));
}

static void get_label(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, addr_of(row)->label);
}

static void get_protocol(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (addr_of(row)->protocol)
        ret->presence = KNOWN;
}

static void text_protocol(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    net_iface_format_addr_protocol(out, addr_of(row)->protocol);
}

enum { OF_VALID, OF_PREFERRED };
/* For ever is no number of seconds: the cell is then absent. */
static void get_lifetime(const struct render_column *c, const void *row, struct cell *ret)
{
    const struct net_iface_addr *a = addr_of(row);
    uint32_t seconds = c->id == OF_VALID ? a->valid_s : a->preferred_s;
    if (seconds != UINT32_MAX)
        cell_set_uint(ret, seconds);
}

enum { OF_LISTENING, OF_WILDCARD, OF_CONNECTED };
static void get_use(const struct render_column *c, const void *row, struct cell *ret)
{
    const struct net_iface_use *use = ((const struct iface_addr_row *)row)->use;
    if (!use)
        return;
    cell_set_uint(ret, c->id == OF_LISTENING  ? use->listening
                       : c->id == OF_WILDCARD ? use->wildcard
                                              : use->connected);
}

#define ADDR_FLAG(name, bit)                                            \
    {                                                                   \
        .key = name, .kind = CELL_BOOL, .id = bit, .get = get_addr_flag \
    }
#define ADDR_END(name, which)                                                         \
    {                                                                                 \
        .key = name, .kind = CELL_TEXT, .id = which, .get = get_end, .text = text_end \
    }
static const struct render_column addr_columns[] = {
    {.key = "family", .kind = CELL_TEXT, .get = get_family},
    ADDR_END("address", OF_ADDRESS),
    {.key = "prefix_len", .kind = CELL_UINT, .get = get_prefix_len},
    ADDR_END("peer", OF_PEER),
    ADDR_END("broadcast", OF_BROADCAST),
    {.key = "scope", .kind = CELL_TEXT, .get = get_made, .text = text_scope},
    {.key = "label", .kind = CELL_TEXT, .get = get_label},
    ADDR_FLAG("tentative", IFA_F_TENTATIVE),
    ADDR_FLAG("deprecated", IFA_F_DEPRECATED),
    ADDR_FLAG("permanent", IFA_F_PERMANENT),
    {.key = "flags", .kind = CELL_TEXT, .get = get_made, .text = text_addr_flags},
    {.key = "protocol", .kind = CELL_TEXT, .get = get_protocol, .text = text_protocol},
    {.key = "valid_s", .kind = CELL_UINT, .id = OF_VALID, .get = get_lifetime},
    {.key = "preferred_s", .kind = CELL_UINT, .id = OF_PREFERRED, .get = get_lifetime},
    {.key = "listening", .kind = CELL_UINT, .id = OF_LISTENING, .get = get_use},
    {.key = "listening_wildcard", .kind = CELL_UINT, .id = OF_WILDCARD, .get = get_use},
    {.key = "connected", .kind = CELL_UINT, .id = OF_CONNECTED, .get = get_use},
};

static void get_addresses(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_list(ret, ((const struct iface_row *)row)->addrs, iface_of(row)->n_addrs,
                  sizeof(struct iface_addr_row));
}

static void text_addresses(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    const struct net_iface *i = iface_of(row);
    for (uint32_t k = 0; k < i->n_addrs; k++) {
        if (k)
            buf_str(out, ", ");
        net_addr_format(out, &i->addrs[k].addr);
        buf_printf(out, "/%u", i->addrs[k].prefix_len);
    }
}

/* Interfaces. A row is a struct iface_row. */

static const size_t text_places[] = {
    offsetof(struct net_iface, name),
    offsetof(struct net_iface, altname),
    offsetof(struct net_iface, kind),
    offsetof(struct net_iface, qdisc),
};
enum { OF_NAME, OF_ALTNAME, OF_KIND, OF_QDISC };

static void get_text(const struct render_column *c, const void *row, struct cell *ret)
{
    cell_set_text(ret, (const char *)iface_of(row) + text_places[c->id]);
}

static const size_t number_places[] = {
    offsetof(struct net_iface, index),      offsetof(struct net_iface, mtu),
    offsetof(struct net_iface, txqueuelen), offsetof(struct net_iface, speed_mbps),
    offsetof(struct net_iface, master),     offsetof(struct net_iface, link),
};
enum { OF_INDEX, OF_MTU, OF_TXQUEUELEN, OF_SPEED, OF_MASTER, OF_LINK };

static uint32_t number_of(const struct render_column *c, const void *row)
{
    uint32_t value;
    memcpy(&value, (const char *)iface_of(row) + number_places[c->id], sizeof value);
    return value;
}

static void get_number(const struct render_column *c, const void *row, struct cell *ret)
{
    uint32_t value = number_of(c, row);
    if (value || c->id < OF_SPEED)
        cell_set_uint(ret, value);
}

const char *iface_name_of(const struct iface_row *row, uint32_t index)
{
    const struct net_iface *i = net_iface_by_index(row->all, row->n_all, index);
    return index && i ? i->name : NULL;
}

/* The other end of a veth in another namespace has a number that means another device here. */
static void get_other(const struct render_column *c, const void *row, struct cell *ret)
{
    bool elsewhere = c->id == OF_LINK && iface_of(row)->link_netns >= 0;
    cell_set_text(ret, elsewhere ? NULL : iface_name_of(row, number_of(c, row)));
}

static void get_link_netns(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (iface_of(row)->link_netns >= 0)
        cell_set_uint(ret, (uint64_t)iface_of(row)->link_netns);
}

static void get_mac(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (iface_of(row)->mac_len)
        ret->presence = KNOWN;
}

static void text_mac(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    net_iface_format_mac(out, iface_of(row), iface_of(row)->mac);
}

static void text_broadcast(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    net_iface_format_mac(out, iface_of(row), iface_of(row)->broadcast);
}

static void text_flags(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    net_iface_format_flags(out, iface_of(row)->flags);
}

static void text_state(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    net_iface_format_operstate(out, iface_of(row)->operstate);
}

static void text_type(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    net_iface_format_type(out, iface_of(row)->type);
}

#define TEXT(name, which, words)                                                    \
    {                                                                               \
        .key = name, .kind = CELL_TEXT, .id = which, .get = get_text, .help = words \
    }
#define MADE(name, how, words)                                                      \
    {                                                                               \
        .key = name, .kind = CELL_TEXT, .get = get_made, .text = how, .help = words \
    }
#define NUMBER(name, which, words)                                                             \
    {                                                                                          \
        .key = name, .kind = CELL_UINT, .align = RENDER_RIGHT, .id = which, .get = get_number, \
        .help = words                                                                          \
    }
static const struct render_column columns[] = {
    NUMBER("index", OF_INDEX, "its number"),
    {.key = "name",
     .kind = CELL_TEXT,
     .id = OF_NAME,
     .get = get_text,
     .width = 10,
     .precious = true,
     .help = "its name"},
    TEXT("altname", OF_ALTNAME, "its first alternative name"),
    MADE("state", text_state, "operational state (RFC 2863)"),
    MADE("flags", text_flags, "its flags, as ip(8) names them"),
    MADE("type", text_type, "kind of hardware address"),
    TEXT("kind", OF_KIND, "kind of a virtual interface"),
    NUMBER("mtu", OF_MTU, "largest packet, in bytes"),
    {.key = "mac", .kind = CELL_TEXT, .get = get_mac, .text = text_mac, .help = "hardware address"},
    {.key = "mac_broadcast",
     .kind = CELL_TEXT,
     .get = get_mac,
     .text = text_broadcast,
     .help = "hardware broadcast address, or the other end of a tunnel"},
    {.key = "addresses",
     .kind = CELL_LIST,
     .get = get_addresses,
     .text = text_addresses,
     .columns = addr_columns,
     .n_columns = COUNT(addr_columns),
     .help = "its addresses, and how many sockets use each"},
    TEXT("qdisc", OF_QDISC, "queueing discipline"),
    NUMBER("txqueuelen", OF_TXQUEUELEN, "length of the transmit queue"),
    NUMBER("speed_mbps", OF_SPEED, "speed of the link, in Mbit/s"),
    {.key = "master",
     .kind = CELL_TEXT,
     .id = OF_MASTER,
     .get = get_other,
     .help = "the bridge or bond that it is part of"},
    NUMBER("master_index", OF_MASTER, "number of that"),
    {.key = "link",
     .kind = CELL_TEXT,
     .id = OF_LINK,
     .get = get_other,
     .help = "the interface under it, or the other end of a pair"},
    NUMBER("link_index", OF_LINK, "number of that, in its own namespace"),
    {.key = "link_nsid",
     .kind = CELL_UINT,
     .get = get_link_netns,
     .help = "which namespace the link is in, where it is another (ip netns list-id)"},
    {.key = "rx",
     .kind = CELL_OBJECT,
     .get = get_rx,
     .text = text_traffic,
     .align = RENDER_RIGHT,
     .columns = rx_columns,
     .n_columns = COUNT(rx_columns),
     .help = "received; a table shows the bytes"},
    {.key = "tx",
     .kind = CELL_OBJECT,
     .get = get_tx,
     .text = text_traffic,
     .align = RENDER_RIGHT,
     .columns = tx_columns,
     .n_columns = COUNT(tx_columns),
     .help = "sent; a table shows the bytes"},
};

static_assert(COUNT(columns) == IFACE_COLUMNS, "a caller's array has room for all");

const struct render_column *iface_columns(size_t *ret_n)
{
    *ret_n = COUNT(columns);
    return columns;
}
