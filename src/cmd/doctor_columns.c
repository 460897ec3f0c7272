#include "cmd/doctor_columns.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/buf.h"

int doctor_row_fill(struct doctor_row *ret, const struct finding *f, struct socket_view *view)
{
    *ret = (struct doctor_row){.finding = f, .sockets = VEC_INIT(struct socket_row)};
    for (size_t i = 0; i < f->sockets.len; i++) {
        struct socket_row row = {.socket = *(const struct net_socket **)vec_at(&f->sockets, i),
                                 .view = view,
                                 .matches = true};
        if (vec_add(&ret->sockets, &row) < 0)
            return -ENOMEM;
    }
    return 0;
}

void doctor_row_clear(struct doctor_row *row)
{
    vec_free(&row->sockets);
}

static const struct finding *finding_of(const void *row)
{
    return ((const struct doctor_row *)row)->finding;
}

static void get_severity(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, finding_severity_name(finding_of(row)->severity));
}

static enum render_style style_severity(const struct render_column *c, const void *row)
{
    static const enum render_style styles[] = {RENDER_NAME, RENDER_WARN, RENDER_BAD};
    (void)c;
    return styles[finding_of(row)->severity];
}

static const size_t text_offsets[] = {
    offsetof(struct finding, name),
    offsetof(struct finding, title),
    offsetof(struct finding, evidence),
    offsetof(struct finding, remedy),
};

static void get_text(const struct render_column *c, const void *row, struct cell *ret)
{
    const char *text;
    memcpy(&text, (const char *)finding_of(row) + text_offsets[c->id], sizeof text);
    cell_set_text(ret, text);
}

static const struct render_column columns[] = {
    {.key = "name",
     .help = "the finding's stable name",
     .kind = CELL_TEXT,
     .width = 24,
     .id = 0,
     .get = get_text},
    {.key = "severity",
     .help = "bad: something doesn't work; warning: it does not always, or won't; note",
     .kind = CELL_TEXT,
     .get = get_severity,
     .style = style_severity},
    {.key = "title", .help = "what it is, in a line", .kind = CELL_TEXT, .id = 1, .get = get_text},
    {.key = "evidence",
     .help = "how one can see that, a sentence a line",
     .kind = CELL_TEXT,
     .id = 2,
     .get = get_text},
    {.key = "remedy",
     .help = "what helps, one thing a line",
     .kind = CELL_TEXT,
     .id = 3,
     .get = get_text},
};
static_assert(sizeof columns / sizeof *columns == DOCTOR_COLUMNS - 1, "and then the sockets");

/* Of a socket */

static const struct net_socket *socket_of(const void *row)
{
    return ((const struct socket_row *)row)->socket;
}

static void get_pid(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct net_socket *s = socket_of(row);
    ret->presence = s->n_owners ? KNOWN : net_socket_forbids(s, NET_F_OWNERS) ? FORBIDDEN : ABSENT;
    ret->uint = s->n_owners ? (uint64_t)s->owners[0].pid : 0;
}

static void get_comm(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct net_socket *s = socket_of(row);
    if (s->n_owners && s->owners[0].process)
        cell_set_text(ret, s->owners[0].process->comm);
}

/* These of list's columns, and then who holds it. */
static const char *const socket_keys[] = {"proto", "state", "local", "peer", "recv_q", "send_q"};

static const struct render_column holder_columns[] = {
    {.key = "pid", .kind = CELL_UINT, .get = get_pid},
    {.key = "comm", .kind = CELL_TEXT, .get = get_comm},
};
enum { SOCKET_KEYS = sizeof socket_keys / sizeof *socket_keys };
static_assert(SOCKET_KEYS + sizeof holder_columns / sizeof *holder_columns == DOCTOR_SOCKET_COLUMNS,
              "room for each");

static void get_sockets(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct vec *sockets = &((const struct doctor_row *)row)->sockets;
    cell_set_list(ret, sockets->items, sockets->len, sockets->item_size);
}

static void text_sockets(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    buf_u64(out, ((const struct doctor_row *)row)->sockets.len);
}

void doctor_columns_fill(struct doctor_columns *ret)
{
    socket_columns_pick(ret->of_sockets, socket_keys, SOCKET_KEYS);
    memcpy(ret->of_sockets + SOCKET_KEYS, holder_columns, sizeof holder_columns);
    memcpy(ret->all, columns, sizeof columns);
    ret->all[DOCTOR_COLUMNS - 1] = (struct render_column){
        .key = "sockets",
        .help = "the sockets that it is about; a table shows how many",
        .kind = CELL_LIST,
        .get = get_sockets,
        .text = text_sockets,
        .columns = ret->of_sockets,
        .n_columns = DOCTOR_SOCKET_COLUMNS,
    };
}
