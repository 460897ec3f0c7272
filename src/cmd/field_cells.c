#include "cmd/field_cells.h"

#include "base/buf.h"
#include "kernel/source.h"

static const struct net_socket *socket_of(const void *row)
{
    return ((const struct socket_row *)row)->socket;
}

/* One getter for all, told by the column's id. */
void field_get(const struct render_column *c, const void *row, struct cell *ret)
{
    *ret = net_field_get(socket_of(row), (enum net_field)c->id);
}

const struct render_column field_columns[NET_F_LOCAL] = {NET_FIELDS(FIELD_COLUMN)};

/* Groups of fields: an object in JSON, one cell of words in a table. */

static const struct field_group {
    const char *key, *help;
    enum net_field first, last;
    uint32_t detail;
} groups[] = {
    {"options", "options of the socket", NET_F_MARK, NET_F_CONGESTION, SOURCE_OPTIONS},
    {"timers", "the timer that runs", NET_F_TIMER, NET_F_TIMER_RETRIES, SOURCE_TIMERS},
    {"memory", "memory and drops", NET_F_RMEM, NET_F_DROPS, SOURCE_MEMORY},
    {"tcp_info", "what TCP knows of the path", NET_F_RTT, NET_F_BUSY, SOURCE_TCP_INFO},
};

static const struct field_group *group_of(enum net_field f)
{
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (f >= groups[i].first && f <= groups[i].last)
            return &groups[i];
    return NULL;
}

void field_get_group(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_object(ret, row);
}

static void text_field(struct buf *out, enum net_field f, const struct cell *cell)
{
    const struct net_field_info *info = &net_field_infos[f];
    buf_str(out, info->key);
    if (info->kind == CELL_BOOL)
        return;
    buf_char(out, '=');
    if (info->kind == CELL_TEXT)
        buf_add(out, cell->text.bytes, cell->text.n);
    else if (info->kind == CELL_INT)
        buf_i64(out, cell->integer);
    else
        buf_u64(out, cell->uint);
}

/* Times of keepalive where it is off; a device that is the socket's address. */
static bool is_idle(enum net_field f, const struct net_socket *s)
{
    bool of_keepalive = f == NET_F_KEEPIDLE || f == NET_F_KEEPINTVL || f == NET_F_KEEPCNT;
    if (f == NET_F_DEVICE)
        return s->kind == NET_PACKET || s->kind == NET_XDP;
    return of_keepalive && net_socket_knows(s, NET_F_KEEPALIVE) && !s->keepalive;
}

/* Options that are off, and counters at zero, say nothing in a table. */
static bool says_something(enum net_field f, const struct cell *cell)
{
    switch (net_field_infos[f].kind) {
    case CELL_BOOL:
        return cell->boolean;
    case CELL_TEXT:
        return cell->text.n > 0;
    case CELL_INT:
        return cell->integer != -1;
    default:
        return cell->uint != 0;
    }
}

void field_text_group(const struct render_column *c, const void *row, struct buf *out)
{
    const struct field_group *g = group_of((enum net_field)c->id);
    size_t before = out->len;
    bool forbidden = false;

    for (int f = (int)g->first; f <= (int)g->last; f++) {
        struct cell cell = net_field_get(socket_of(row), (enum net_field)f);
        forbidden |= cell.presence == FORBIDDEN;
        if (cell.presence != KNOWN || !says_something((enum net_field)f, &cell) ||
            is_idle((enum net_field)f, socket_of(row)))
            continue;
        if (out->len > before)
            buf_char(out, ' ');
        text_field(out, (enum net_field)f, &cell);
    }
    if (forbidden)
        buf_str(out, out->len > before ? " …?" : "?");
    else if (out->len == before)
        buf_char(out, '-');
}
uint32_t socket_field_detail(enum net_field f)
{
    const struct field_group *g = group_of(f);
    if (f == NET_F_DEVICE)
        return SOURCE_DEVICE; /* an option that tables of sockets tell */
    if (g)
        return g->detail;
    return f == NET_F_CGROUP_ID ? SOURCE_CGROUP : f == NET_F_COOKIE ? SOURCE_COOKIE : 0;
}
