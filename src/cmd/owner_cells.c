#include "cmd/owner_cells.h"

#include <string.h>

#include "base/buf.h"
#include "base/time.h"
#include "kernel/source.h"

static const struct net_socket *socket_of(const void *row)
{
    return ((const struct socket_row *)row)->socket;
}

static const struct net_owner *owner_of(const void *item)
{
    return item;
}

static void get_owner_pid(const struct render_column *c, const void *item, struct cell *ret)
{
    (void)c;
    cell_set_uint(ret, (uint64_t)owner_of(item)->pid);
}

static void get_owner_fd(const struct render_column *c, const void *item, struct cell *ret)
{
    (void)c;
    cell_set_uint(ret, (uint64_t)owner_of(item)->fd);
}

enum owner_text {
    OWNER_COMM,
    OWNER_USER,
    OWNER_CMDLINE,
    OWNER_EXE,
    OWNER_CWD,
    OWNER_UNIT,
    OWNER_CONTAINER
};

static const struct {
    size_t offset;
    int known_by; /* the enum net_process_field whose bit says whether it may be seen; -1 none */
} owner_texts[] = {
    [OWNER_COMM] = {offsetof(struct net_process, comm), -1},
    [OWNER_USER] = {offsetof(struct net_process, user), NET_P_UID},
    [OWNER_CMDLINE] = {offsetof(struct net_process, cmdline), NET_P_CMDLINE},
    [OWNER_EXE] = {offsetof(struct net_process, exe), NET_P_EXE},
    [OWNER_CWD] = {offsetof(struct net_process, cwd), NET_P_CWD},
    [OWNER_UNIT] = {offsetof(struct net_process, unit), NET_P_CGROUP},
    [OWNER_CONTAINER] = {offsetof(struct net_process, container), NET_P_CGROUP},
};

static void process_text(const struct net_process *p, enum owner_text which, struct cell *ret)
{
    const char *text = NULL;
    if (which == OWNER_COMM)
        text = p->comm;
    else
        memcpy(&text, (const char *)p + owner_texts[which].offset, sizeof text);
    int by = owner_texts[which].known_by;
    cell_set_text(ret, text);
    if (ret->presence == ABSENT && by >= 0 && p->forbidden >> by & 1)
        ret->presence = FORBIDDEN;
}

static void get_owner_text(const struct render_column *c, const void *item, struct cell *ret)
{
    const struct net_process *p = owner_of(item)->process;
    if (p)
        process_text(p, (enum owner_text)c->id, ret);
}

static void get_owner_uid(const struct render_column *c, const void *item, struct cell *ret)
{
    (void)c;
    const struct net_process *p = owner_of(item)->process;
    if (!p || !(p->known >> NET_P_UID & 1))
        return;
    cell_set_uint(ret, p->uid);
}

static void get_owner_start(const struct render_column *c, const void *item, struct cell *ret)
{
    (void)c;
    const struct net_process *p = owner_of(item)->process;
    if (!p || !(p->known >> NET_P_START & 1))
        return;
    cell_set_uint(ret, p->start_ns);
}

#define OWNER_TEXT_COLUMN(name, which)                                     \
    {                                                                      \
        .key = name, .kind = CELL_TEXT, .id = which, .get = get_owner_text \
    }
const struct render_column owner_columns[OF_OWNER_COLUMNS] = {
    [OF_OWNER_PID] = {.key = "pid", .kind = CELL_UINT, .get = get_owner_pid},
    [OF_OWNER_FD] = {.key = "fd", .kind = CELL_UINT, .get = get_owner_fd},
    [OF_OWNER_COMM] = OWNER_TEXT_COLUMN("comm", OWNER_COMM),
    [OF_OWNER_USER] = OWNER_TEXT_COLUMN("user", OWNER_USER),
    [OF_OWNER_UID] = {.key = "uid", .kind = CELL_UINT, .get = get_owner_uid},
    [OF_OWNER_START] = {.key = "start_ns", .kind = CELL_UINT, .get = get_owner_start},
    [OF_OWNER_CMDLINE] = OWNER_TEXT_COLUMN("cmdline", OWNER_CMDLINE),
    [OF_OWNER_EXE] = OWNER_TEXT_COLUMN("exe", OWNER_EXE),
    [OF_OWNER_CWD] = OWNER_TEXT_COLUMN("cwd", OWNER_CWD),
    [OF_OWNER_UNIT] = OWNER_TEXT_COLUMN("unit", OWNER_UNIT),
    [OF_OWNER_CONTAINER] = OWNER_TEXT_COLUMN("container", OWNER_CONTAINER),
};

/* What a source must read for each of them. */
const uint32_t owner_column_details[OF_OWNER_COLUMNS] = {
    [OF_OWNER_PID] = SOURCE_OWNERS,
    [OF_OWNER_FD] = SOURCE_OWNERS,
    [OF_OWNER_COMM] = SOURCE_OWNERS,
    [OF_OWNER_USER] = SOURCE_OWNERS,
    [OF_OWNER_UID] = SOURCE_OWNERS,
    [OF_OWNER_START] = SOURCE_OWNERS,
    [OF_OWNER_CMDLINE] = SOURCE_OWNERS | SOURCE_CMDLINE,
    [OF_OWNER_EXE] = SOURCE_OWNERS | SOURCE_PROCESS,
    [OF_OWNER_CWD] = SOURCE_OWNERS | SOURCE_PROCESS,
    [OF_OWNER_UNIT] = SOURCE_OWNERS | SOURCE_PROCESS,
    [OF_OWNER_CONTAINER] = SOURCE_OWNERS | SOURCE_PROCESS,
};

void owner_get_detached(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, socket_detached_name(socket_of(row)->detached));
}

void owner_get_list(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct net_socket *s = socket_of(row);
    if (s->n_owners == 0 && net_socket_forbids(s, NET_F_OWNERS)) {
        ret->presence = FORBIDDEN;
    } else if (s->n_owners || net_socket_knows(s, NET_F_OWNERS)) {
        cell_set_list(ret, s->owners, s->n_owners, sizeof *s->owners);
    }
}

void owner_text_words(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    socket_row_describe_owners(out, socket_of(row));
}

/* The same words as a value: what -o owner gives. */
void owner_get_words(const struct render_column *c, const void *row, struct cell *ret)
{
    owner_get_list(c, row, ret);
    if (ret->presence == KNOWN)
        ret->text.bytes = NULL;
}

enum render_style owner_style(const struct render_column *c, const void *row)
{
    (void)c;
    return socket_of(row)->n_owners ? RENDER_NAME : RENDER_DIM;
}

/* Facts of the first holder, for sorting and grouping by process. */
void owner_get_first(const struct render_column *c, const void *row, struct cell *ret)
{
    const struct net_socket *s = socket_of(row);
    if (s->n_owners)
        owner_columns[c->id].get(&owner_columns[c->id], &s->owners[0], ret);
    else if (net_socket_forbids(s, NET_F_OWNERS))
        ret->presence = FORBIDDEN;
}

void owner_get_age_ms(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct socket_row *r = row;
    uint64_t oldest = UINT64_MAX;
    for (uint32_t i = 0; i < r->socket->n_owners; i++) {
        const struct net_process *p = r->socket->owners[i].process;
        if (p && p->known >> NET_P_START & 1 && p->start_ns < oldest)
            oldest = p->start_ns;
    }
    if (oldest == UINT64_MAX) {
        if (net_socket_forbids(r->socket, NET_F_OWNERS))
            ret->presence = FORBIDDEN;
        return;
    }
    cell_set_uint(ret, r->view->boot_ns > oldest ? (r->view->boot_ns - oldest) / 1000000 : 0);
}

void owner_text_age(const struct render_column *c, const void *row, struct buf *out)
{
    struct cell cell = {0};
    owner_get_age_ms(c, row, &cell);
    time_format_duration(out, cell.uint * 1000000);
}

/* The other end */

static const struct net_socket *far_end_of(const void *row)
{
    return ((const struct socket_row *)row)->far_end;
}

void owner_get_far_list(const struct render_column *c, const void *row, struct cell *ret)
{
    if (!far_end_of(row))
        return;
    struct socket_row far = {.socket = far_end_of(row)};
    owner_get_list(c, &far, ret);
}

void owner_text_far_words(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    socket_row_describe_owners(out, far_end_of(row));
}
