#include "cmd/services_columns.h"

#include "base/buf.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct services_row *row_of(const void *row)
{
    return row;
}

static void get_port(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_uint(ret, row_of(row)->port);
}

static void get_name(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (row_of(row)->service)
        cell_set_text(ret, row_of(row)->service->name);
}

static void get_protocol(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (row_of(row)->protocol)
        cell_set_text(ret, row_of(row)->protocol);
}

static void get_aliases(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct service *s = row_of(row)->service;
    if (s && s->aliases && s->aliases[0])
        ret->presence = KNOWN;
}

static void text_aliases(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    for (char **alias = row_of(row)->service->aliases; *alias; alias++)
        buf_printf(out, "%s%s", alias == row_of(row)->service->aliases ? "" : " ", *alias);
}

static void get_privileged(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    ret->presence = row_of(row)->privilege;
    ret->boolean = row_of(row)->privileged;
}

static void text_privileged(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    buf_str(out, row_of(row)->privileged ? "privileged" : "free to all");
}

static void get_listening(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (!row_of(row)->observable)
        return;
    cell_set_bool(ret, row_of(row)->n_holders > 0);
}

static bool is_hidden(const struct services_row *row)
{
    for (size_t i = 0; i < row->n_holders; i++)
        if (row->holders[i].hidden)
            return true;
    return false;
}

static void get_owners(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct services_row *r = row;
    if (!r->observable)
        return;
    ret->presence = is_hidden(r) ? FORBIDDEN : KNOWN;
    ret->list.items = r->holders;
    ret->list.n = r->n_holders;
    ret->list.stride = sizeof *r->holders;
}

static void text_owners(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    const struct services_row *r = row;
    for (size_t i = 0; i < r->n_holders; i++) {
        const struct services_holder *h = &r->holders[i];
        if (i)
            buf_str(out, ", ");
        if (h->pid)
            buf_printf(out, "%s[%d]", h->comm, h->pid);
        else
            buf_str(out, "no process");
        if (!r->protocol)
            buf_printf(out, " (%s)", net_kind_name(h->kind));
    }
    if (!r->n_holders)
        buf_str(out, "nobody");
}

static void get_owner_pid(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct services_holder *h = row;
    if (!h->pid)
        return;
    cell_set_uint(ret, (uint64_t)h->pid);
}

static void get_owner_comm(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, ((const struct services_holder *)row)->comm);
}

static const struct render_column holder_columns[] = {
    {.key = "pid", .kind = CELL_UINT, .get = get_owner_pid},
    {.key = "comm", .kind = CELL_TEXT, .get = get_owner_comm},
};

const struct render_column services_columns[SERVICES_COLUMNS] = {
    {.key = "port",
     .kind = CELL_UINT,
     .align = RENDER_RIGHT,
     .width = 5,
     .get = get_port,
     .help = "the port"},
    {.key = "protocol",
     .kind = CELL_TEXT,
     .get = get_protocol,
     .help = "tcp, udp … as the services database has it"},
    {.key = "name", .kind = CELL_TEXT, .width = 16, .get = get_name, .help = "the service's name"},
    {.key = "aliases",
     .kind = CELL_TEXT,
     .width = 16,
     .get = get_aliases,
     .text = text_aliases,
     .help = "its other names, separated by blanks"},
    {.key = "privileged",
     .kind = CELL_BOOL,
     .width = 11,
     .get = get_privileged,
     .text = text_privileged,
     .help = "whether it takes CAP_NET_BIND_SERVICE to bind it here"},
    {.key = "listening",
     .kind = CELL_BOOL,
     .get = get_listening,
     .help = "whether somebody listens there now (tcp and udp)"},
    {.key = "owners",
     .kind = CELL_LIST,
     .get = get_owners,
     .text = text_owners,
     .columns = holder_columns,
     .n_columns = COUNT(holder_columns),
     .help = "the processes that listen there"},
};
