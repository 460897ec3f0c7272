/* The table of the columns of sockets: order, keys, what each needs. */
#include <string.h>

#include "base/buf.h"
#include "cmd/field_cells.h"
#include "cmd/owner_cells.h"
#include "cmd/socket_names.h"
#include "kernel/source.h"

static const struct net_socket *socket_of(const void *row)
{
    return ((const struct socket_row *)row)->socket;
}

static void get_proto(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, net_kind_name(socket_of(row)->kind));
}

static void get_state(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, net_state_name(socket_of(row)->state));
}

/* A datagram socket without a peer isn't closed in any sense that a reader would expect. */
static bool is_unconnected(const struct net_socket *s)
{
    const uint32_t datagrams = 1 << NET_UDP | 1 << NET_UDPLITE | 1 << NET_RAW | 1 << NET_PING |
                               1 << NET_UNIX_DGRAM | 1 << NET_NETLINK | 1 << NET_PACKET |
                               1 << NET_XDP;
    return s->state == NET_CLOSE && (1u << s->kind & datagrams || net_socket_is_listener(s));
}

static void text_state(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    const struct net_socket *s = socket_of(row);
    buf_str(out, is_unconnected(s) ? "UNCONN" : net_state_name(s->state));
}

static enum render_style style_state(const struct render_column *c, const void *row)
{
    (void)c;
    switch (socket_of(row)->state) {
    case NET_LISTEN:
        return RENDER_GOOD;
    case NET_ESTABLISHED:
        return RENDER_PLAIN;
    case NET_CLOSE_WAIT:
    case NET_SYN_SENT:
        return RENDER_WARN;
    default:
        return RENDER_DIM;
    }
}

static void get_family(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_uint(ret, socket_of(row)->family);
}

/* One end of a socket: the same getters serve both, told apart by the column's id. */

static void get_end(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_object(ret, row);
}

static void get_end_address(const struct render_column *c, const void *row, struct cell *ret)
{
    char space[128];
    struct buf b = {.data = space, .cap = sizeof space, .max = sizeof space};
    if (net_socket_address(&b, socket_of(row), (enum net_end)c->id))
        ret->presence = KNOWN; /* text_end_address makes the value */
}

static void text_end_address(const struct render_column *c, const void *row, struct buf *out)
{
    net_socket_address(out, socket_of(row), (enum net_end)c->id);
}

static void get_end_port(const struct render_column *c, const void *row, struct cell *ret)
{
    if (net_socket_port(socket_of(row), (enum net_end)c->id, &ret->uint))
        ret->presence = KNOWN;
}

static const struct net_namespace *namespace_of(const void *row)
{
    const struct socket_row *r = row;
    return net_socket_knows(r->socket, NET_F_NETNS)
               ? socket_view_namespace(r->view, r->socket->netns)
               : NULL;
}

static void get_netns_name(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct net_namespace *n = namespace_of(row);
    if (n && (n->name[0] || n->pid))
        ret->presence = KNOWN; /* text_netns_name makes the value */
}

static void text_netns_name(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    const struct net_namespace *n = namespace_of(row);
    if (n->name[0])
        buf_str(out, n->name);
    else
        buf_printf(out, "pid %d", n->pid);
}

/* Of a link-local address: both ends of a connection have the same. */
static void get_scope(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (!socket_of(row)->local.scope)
        return;
    cell_set_uint(ret, socket_of(row)->local.scope);
}

/* Names of UNIX sockets, protocols of netlink, devices: what isn't there comes first. */
static int compare_words(const struct net_socket *x, const struct net_socket *y, enum net_end end)
{
    char space_x[128] = "", space_y[128] = ""; /* with room for every name, zeros behind it */
    struct buf p = {.data = space_x, .cap = sizeof space_x, .max = sizeof space_x};
    struct buf q = {.data = space_y, .cap = sizeof space_y, .max = sizeof space_y};
    net_socket_address(&p, x, end);
    net_socket_address(&q, y, end);
    return memcmp(space_x, space_y, sizeof space_x);
}

static int compare_end(const struct render_column *c, const void *a, const void *b)
{
    const struct net_socket *x = socket_of(a), *y = socket_of(b);
    bool local = c->id == NET_END_LOCAL;
    int order = net_addr_compare(local ? &x->local : &x->peer, local ? &y->local : &y->peer);
    if (!order && !x->local.family && !y->local.family)
        order = compare_words(x, y, (enum net_end)c->id);
    if (order)
        return order;
    uint64_t p = 0, q = 0;
    net_socket_port(x, (enum net_end)c->id, &p);
    net_socket_port(y, (enum net_end)c->id, &q);
    return p < q ? -1 : p > q;
}

#define END_COLUMNS(which)                                                 \
    {.key = "address",                                                     \
     .kind = CELL_TEXT,                                                    \
     .id = which,                                                          \
     .get = get_end_address,                                               \
     .text = text_end_address},                                            \
    {                                                                      \
        .key = "port", .kind = CELL_UINT, .id = which, .get = get_end_port \
    }
static const struct render_column local_columns[] = {END_COLUMNS(NET_END_LOCAL)};
static const struct render_column peer_columns[] = {END_COLUMNS(NET_END_PEER)};

/* Reach */

static void get_reach(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (socket_row_reach(row) != NET_REACH_NONE)
        ret->presence = KNOWN; /* text_reach makes the value */
}

static void text_reach(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    socket_row_describe_reach(out, row);
}

enum render_style socket_row_reach_style(const struct socket_row *row)
{
    switch (socket_row_reach(row)) {
    case NET_REACH_LOCAL:
    case NET_REACH_PATH:
    case NET_REACH_NETNS:
        return RENDER_GOOD;
    case NET_REACH_ALL:
        return RENDER_WARN;
    case NET_REACH_ABSENT:
        return RENDER_BAD;
    default:
        return RENDER_PLAIN;
    }
}

static enum render_style style_reach(const struct render_column *c, const void *row)
{
    (void)c;
    return socket_row_reach_style(row);
}

static void get_reach_class(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    enum net_reach reach = socket_row_reach(row);
    if (!net_reach_is_certain(socket_of(row), reach))
        ret->presence = FORBIDDEN;
    else if (reach != NET_REACH_NONE)
        cell_set_text(ret, net_reach_name(reach));
}

/* A listener has no peer, and nobody reaches a connection: where there is no room for two columns,
 * one says what there is to say. */
static const struct render_column peer_column = {.id = NET_END_PEER};

static void get_peer_or_reach(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (net_socket_is_listener(socket_of(row)))
        get_reach(c, row, ret);
    else
        get_end(c, row, ret);
}

static void text_peer_or_reach(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    if (net_socket_is_listener(socket_of(row)))
        socket_row_describe_reach(out, row);
    else
        name_text_end(&peer_column, row, out);
}

/* The table */

/* Ids of columns that are no fields, for socket_column_detail: above every field's. */
enum {
    COLUMN_OWNERS = NET_FIELD_COUNT,
    COLUMN_PROCESS,
    COLUMN_PLAIN,
};

#define GROUP_COLUMN(name, title_, first_, count_, words)                                    \
    {                                                                                        \
        .key = name, .title = title_, .help = words, .kind = CELL_OBJECT, .id = first_,      \
        .get = field_get_group, .text = field_text_group, .columns = &field_columns[first_], \
        .n_columns = count_, .below = true                                                   \
    }
#define COUNT(first, last) ((last) - (first) + 1)
#define OWNERS_LIST(name, words, getter, texter)                                               \
    {                                                                                          \
        .key = name, .help = words, .kind = CELL_LIST, .id = COLUMN_OWNERS, .get = getter,     \
        .text = texter, .columns = owner_columns, .n_columns = OF_OWNER_COLUMNS, .below = true \
    }
#define FIRST_OWNER(name, type, index, words)                                         \
    {                                                                                 \
        .key = name, .help = words, .kind = type, .id = index, .get = owner_get_first \
    }

static const struct render_column columns[] = {
    {.key = "proto",
     .help = "tcp, udp, unix-stream …",
     .kind = CELL_TEXT,
     .width = 5,
     .id = COLUMN_PLAIN,
     .get = get_proto},
    {.key = "state",
     .help = "the kernel's state",
     .kind = CELL_TEXT,
     .width = 11,
     .id = COLUMN_PLAIN,
     .get = get_state,
     .text = text_state,
     .style = style_state,
     .precious = true},
    {.key = "family",
     .help = "number of the address family",
     .kind = CELL_UINT,
     .id = COLUMN_PLAIN,
     .get = get_family},
    {.key = "local",
     .help = "address and port of this end",
     .kind = CELL_OBJECT,
     .width = 21,
     .id = NET_END_LOCAL,
     .get = get_end,
     .text = name_text_end,
     .compare = compare_end,
     .columns = local_columns,
     .endpoint = true,
     .n_columns = sizeof local_columns / sizeof *local_columns,
     .precious = true},
    {.key = "peer",
     .help = "address and port of the other end",
     .kind = CELL_OBJECT,
     .width = 21,
     .id = NET_END_PEER,
     .get = get_end,
     .text = name_text_end,
     .compare = compare_end,
     .columns = peer_columns,
     .endpoint = true,
     .n_columns = sizeof peer_columns / sizeof *peer_columns,
     .precious = true},
    {.key = "netns_name",
     .title = "NETNS",
     .help = "the network namespace by its name, or by a process in it",
     .kind = CELL_TEXT,
     .width = 12,
     .id = COLUMN_PLAIN,
     .get = get_netns_name,
     .text = text_netns_name},
    {.key = "scope_id",
     .help = "interface index of a link-local address",
     .kind = CELL_UINT,
     .id = COLUMN_PLAIN,
     .get = get_scope},
    {.key = "local_name",
     .help = "host name of this end's address",
     .kind = CELL_TEXT,
     .id = NET_END_LOCAL,
     .get = name_get_host},
    {.key = "peer_name",
     .help = "host name of the other end's address",
     .kind = CELL_TEXT,
     .id = NET_END_PEER,
     .get = name_get_host},
    {.key = "service",
     .help = "service of the local port, or else of the peer's",
     .kind = CELL_TEXT,
     .id = COLUMN_PLAIN,
     .get = name_get_service},
    {.key = "owner",
     .help = "processes that hold it: name[pid]/descriptor",
     .kind = CELL_TEXT,
     .width = 18,
     .id = COLUMN_OWNERS,
     .get = owner_get_words,
     .text = owner_text_words,
     .style = owner_style},
    {.key = "reach",
     .help = "who can connect to a listener",
     .kind = CELL_TEXT,
     .width = 18,
     .id = COLUMN_PLAIN,
     .get = get_reach,
     .text = text_reach,
     .style = style_reach},
    {.key = "peer_or_reach",
     .title = "PEER OR REACH",
     .help = "a listener's reach, and the other end of what is none",
     .kind = CELL_TEXT,
     .width = 21,
     .id = COLUMN_PLAIN,
     .get = get_peer_or_reach,
     .text = text_peer_or_reach,
     .style = style_reach,
     .endpoint = true},
    {.key = "reach_class",
     .help = "the same as one stable word",
     .kind = CELL_TEXT,
     .id = COLUMN_PLAIN,
     .get = get_reach_class},
    OWNERS_LIST("owners", "processes that hold it", owner_get_list, owner_text_words),
    OWNERS_LIST("far_owners", "processes that hold the other end, if it is on this host",
                owner_get_far_list, owner_text_far_words),
    {.key = "detached",
     .help = "why no process holds it",
     .kind = CELL_TEXT,
     .id = COLUMN_PLAIN,
     .get = owner_get_detached},
    FIRST_OWNER("pid", CELL_UINT, OF_OWNER_PID, "pid of the first holder"),
    FIRST_OWNER("fd", CELL_UINT, OF_OWNER_FD, "descriptor of the first holder"),
    FIRST_OWNER("comm", CELL_TEXT, OF_OWNER_COMM, "name of the first holder"),
    FIRST_OWNER("user", CELL_TEXT, OF_OWNER_USER, "user of the first holder"),
    FIRST_OWNER("cmdline", CELL_TEXT, OF_OWNER_CMDLINE, "command line of the first holder"),
    FIRST_OWNER("exe", CELL_TEXT, OF_OWNER_EXE, "program of the first holder"),
    FIRST_OWNER("cwd", CELL_TEXT, OF_OWNER_CWD, "working directory of the first holder"),
    FIRST_OWNER("unit", CELL_TEXT, OF_OWNER_UNIT, "systemd unit of the first holder"),
    FIRST_OWNER("container", CELL_TEXT, OF_OWNER_CONTAINER, "container of the first holder"),
    {.key = "age_ms",
     .help = "since the first of its holders started",
     .kind = CELL_UINT,
     .align = RENDER_RIGHT,
     .id = COLUMN_OWNERS,
     .get = owner_get_age_ms,
     .text = owner_text_age},
    GROUP_COLUMN("options", "OPTIONS", NET_F_MARK, COUNT(NET_F_MARK, NET_F_CONGESTION),
                 "options of the socket"),
    GROUP_COLUMN("timers", "TIMERS", NET_F_TIMER, COUNT(NET_F_TIMER, NET_F_TIMER_RETRIES),
                 "the timer that runs"),
    GROUP_COLUMN("memory", "MEMORY", NET_F_RMEM, COUNT(NET_F_RMEM, NET_F_DROPS),
                 "memory in use, limits, drops"),
    GROUP_COLUMN("tcp_info", "TCP-INFO", NET_F_RTT, COUNT(NET_F_RTT, NET_F_BUSY),
                 "what TCP knows of the path"),
    NET_FIELDS(FIELD_COLUMN)};

const struct render_column *socket_columns(size_t *ret_n)
{
    *ret_n = sizeof columns / sizeof *columns;
    return columns;
}

void socket_columns_pick(struct render_column *ret, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ret[i] = *render_find(columns, sizeof columns / sizeof *columns, keys[i], strlen(keys[i]));
}

uint32_t socket_column_detail(const struct render_column *c)
{
    if (c->get == owner_get_first)
        return owner_column_details[c->id];
    if (c->id == COLUMN_OWNERS)
        return SOURCE_OWNERS;
    bool of_fields = c->get == field_get || c->get == field_get_group;
    return of_fields ? socket_field_detail((enum net_field)c->id) : 0;
}
