#include "cmd/resolve_columns.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct resolve_row *row_of(const void *row)
{
    return row;
}

static const struct resolved *resolved_of(const void *row)
{
    return row_of(row)->resolved;
}

/* Words */

void resolve_describe_origin(struct buf *out, const struct resolved *r)
{
    switch (r->origin) {
    case RESOLVE_LITERAL:
        buf_str(out, "the address itself");
        break;
    case RESOLVE_BARE:
        buf_str(out, "no name: this machine");
        break;
    case RESOLVE_HOSTS:
        buf_printf(out, "line %u of /etc/hosts", r->line);
        break;
    case RESOLVE_SOURCE:
        buf_str(out, r->source);
        break;
    case RESOLVE_UNCLEAR:
        buf_str(out, "unclear: no source of nsswitch.conf says so now");
        break;
    }
}

void resolve_describe_end(struct buf *out, const struct resolve_row *row)
{
    const struct resolved *r = row->resolved;
    bool bracketed = r->addr.family == AF_INET6 && r->port;
    if (bracketed)
        buf_char(out, '[');
    net_addr_format(out, &r->addr);
    if (row->device) {
        buf_char(out, '%');
        buf_str(out, row->device);
    }
    if (bracketed)
        buf_char(out, ']');
    if (r->port) {
        buf_char(out, ':');
        buf_u64(out, r->port);
    }
}

void resolve_describe_listeners(struct buf *out, const struct resolve_row *row)
{
    receivers_describe(out, row->listeners, row->n_listeners);
}

/* An address */

static void get_asked(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, row_of(row)->asked);
}

static void get_canonical(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, row_of(row)->canonical);
}

static void get_address(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    (void)row;
    ret->presence = KNOWN;
}

static void text_address(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    net_addr_format(out, &resolved_of(row)->addr);
}

static enum render_style style_address(const struct render_column *c, const void *row)
{
    (void)c;
    (void)row;
    return RENDER_ADDRESS;
}

static void get_device(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, row_of(row)->device);
}

static void get_family(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, resolved_of(row)->addr.family == AF_INET ? "inet" : "inet6");
}

static void get_port(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (resolved_of(row)->port)
        cell_set_uint(ret, resolved_of(row)->port);
}

static const char *const origin_words[] = {
    [RESOLVE_LITERAL] = "literal", [RESOLVE_BARE] = "bare",       [RESOLVE_HOSTS] = "hosts",
    [RESOLVE_SOURCE] = "source",   [RESOLVE_UNCLEAR] = "unclear",
};
static_assert(COUNT(origin_words) == RESOLVE_UNCLEAR + 1, "every origin has a word");

static void get_origin(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, origin_words[resolved_of(row)->origin]);
}

static void get_source(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, resolved_of(row)->source);
}

static void get_line(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (resolved_of(row)->line)
        cell_set_uint(ret, resolved_of(row)->line);
}

static void get_rule(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (row_of(row)->rule)
        cell_set_uint(ret, row_of(row)->rule);
}

static void get_rule_name(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (row_of(row)->rule)
        cell_set_text(ret, rfc6724_rule_name(row_of(row)->rule));
}

static void get_order(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, row_of(row)->order);
}

static void get_reachable(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_bool(ret, resolved_of(row)->reachable);
}

static void get_error(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (!resolved_of(row)->reachable)
        cell_set_text(ret, err_name(resolved_of(row)->unreachable_error));
}

static void get_from(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (resolved_of(row)->reachable)
        ret->presence = KNOWN;
}

static void text_from(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    net_addr_format(out, &resolved_of(row)->from);
}

static void get_local(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_bool(ret, row_of(row)->local);
}

static void get_interface(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, row_of(row)->interface);
}

static void get_listeners(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    ret->presence = row_of(row)->looked ? KNOWN : ABSENT;
    ret->list.items = row_of(row)->listeners;
    ret->list.n = row_of(row)->n_listeners;
    ret->list.stride = sizeof(struct receiver);
}

static void text_listeners(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    resolve_describe_listeners(out, row);
}

const struct render_column resolve_columns[RESOLVE_COLUMNS] = {
    {.key = "asked", .help = "the word that was asked", .kind = CELL_TEXT, .get = get_asked},
    {.key = "canonical",
     .help = "the name's canonical one, if it is another",
     .kind = CELL_TEXT,
     .get = get_canonical},
    {.key = "address",
     .help = "in the C library's order",
     .kind = CELL_TEXT,
     .width = 16,
     .precious = true,
     .get = get_address,
     .text = text_address,
     .style = style_address},
    {.key = "device",
     .help = "of a link-local address: the interface that it is meant for",
     .kind = CELL_TEXT,
     .get = get_device},
    {.key = "family", .help = "inet or inet6", .kind = CELL_TEXT, .get = get_family},
    {.key = "port",
     .help = "of the service",
     .kind = CELL_UINT,
     .align = RENDER_RIGHT,
     .width = 5,
     .get = get_port},
    {.key = "origin",
     .help = "literal, bare (no name), hosts, source (of nsswitch.conf), unclear",
     .kind = CELL_TEXT,
     .get = get_origin},
    {.key = "source",
     .help = "the source of nsswitch.conf: files, dns …",
     .kind = CELL_TEXT,
     .get = get_source},
    {.key = "line",
     .help = "of /etc/hosts",
     .kind = CELL_UINT,
     .align = RENDER_RIGHT,
     .get = get_line},
    {.key = "rule",
     .help = "of RFC 6724, section 6: what parts it from its neighbour",
     .kind = CELL_UINT,
     .align = RENDER_RIGHT,
     .get = get_rule},
    {.key = "rule_name",
     .help = "the rule in the RFC's words",
     .kind = CELL_TEXT,
     .get = get_rule_name},
    {.key = "order", .help = "why it stands here, in words", .kind = CELL_TEXT, .get = get_order},
    {.key = "reachable", .help = "there is a route to it", .kind = CELL_BOOL, .get = get_reachable},
    {.key = "error", .help = "why there is none", .kind = CELL_TEXT, .get = get_error},
    {.key = "from",
     .help = "the address that this host would send from",
     .kind = CELL_TEXT,
     .get = get_from,
     .text = text_from},
    {.key = "local", .help = "it is this host's own", .kind = CELL_BOOL, .get = get_local},
    {.key = "interface",
     .help = "the interface that has it",
     .kind = CELL_TEXT,
     .get = get_interface},
    {.key = "listeners",
     .help = "who gets a connection to it, if it is local",
     .kind = CELL_LIST,
     .get = get_listeners,
     .text = text_listeners,
     .columns = receiver_columns,
     .n_columns = RECEIVER_COLUMNS},
};
