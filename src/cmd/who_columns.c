#include "cmd/who_columns.h"

#include <assert.h>
#include <string.h>

#include "base/buf.h"

static const struct net_process *process_of(const void *row)
{
    return ((const struct who_row *)row)->holder->process;
}

static void get_pid(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct predict_holder *h = ((const struct who_row *)row)->holder;
    ret->presence = h->pid ? KNOWN : h->hidden ? FORBIDDEN : ABSENT;
    ret->uint = (uint64_t)h->pid;
}

static const size_t text_offsets[] = {
    offsetof(struct net_process, user), offsetof(struct net_process, cmdline),
    offsetof(struct net_process, exe),  offsetof(struct net_process, cwd),
    offsetof(struct net_process, unit), offsetof(struct net_process, container),
};

static void get_text(const struct render_column *c, const void *row, struct cell *ret)
{
    const char *text;
    const struct net_process *p = process_of(row);
    if (!p)
        return;
    memcpy(&text, (const char *)p + text_offsets[c->id], sizeof text);
    cell_set_text(ret, text);
}

static void get_comm(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct net_process *p = process_of(row);
    if (p)
        cell_set_text(ret, p->comm);
}

static void get_start(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct net_process *p = process_of(row);
    if (!p || !(p->known >> NET_P_START & 1))
        return;
    cell_set_uint(ret, p->start_ns);
}

static void get_count(const struct render_column *c, const void *row, struct cell *ret)
{
    cell_set_uint(ret, ((const struct who_row *)row)->holder->counts[c->id]);
}

#define COUNT_COLUMN(name, which, words)                                              \
    {                                                                                 \
        .key = name, .help = words, .kind = CELL_UINT, .id = which, .get = get_count, \
        .additive = true                                                              \
    }
static const struct render_column columns[] = {
    {.key = "pid",
     .help = "process id; null where no process holds it",
     .kind = CELL_UINT,
     .get = get_pid},
    {.key = "comm",
     .help = "the process's name, as the kernel has it: 15 bytes at most",
     .kind = CELL_TEXT,
     .get = get_comm},
    {.key = "user",
     .help = "name of its effective user",
     .kind = CELL_TEXT,
     .id = 0,
     .get = get_text},
    {.key = "cmdline",
     .help = "its command line, words separated by blanks",
     .kind = CELL_TEXT,
     .id = 1,
     .get = get_text},
    {.key = "exe", .help = "the program that it runs", .kind = CELL_TEXT, .id = 2, .get = get_text},
    {.key = "cwd", .help = "its working directory", .kind = CELL_TEXT, .id = 3, .get = get_text},
    {.key = "unit",
     .help = "the systemd unit that it belongs to",
     .kind = CELL_TEXT,
     .id = 4,
     .get = get_text},
    {.key = "container",
     .help = "the container that it runs in",
     .kind = CELL_TEXT,
     .id = 5,
     .get = get_text},
    {.key = "start_ns",
     .help = "when it started, nanoseconds since boot",
     .kind = CELL_UINT,
     .get = get_start},
    COUNT_COLUMN("listens", PREDICT_HOLD_LISTENS, "how many of its sockets listen"),
    COUNT_COLUMN("serves", PREDICT_HOLD_SERVES, "how many are connections that it accepted"),
    COUNT_COLUMN("connected", PREDICT_HOLD_CONNECTED, "how many are other connections"),
    COUNT_COLUMN("bound", PREDICT_HOLD_BOUND, "how many are only bound"),
    COUNT_COLUMN("remains", PREDICT_HOLD_REMAINS,
                 "how many are what remains of closed connections"),
};
static_assert(sizeof columns / sizeof *columns == WHO_COLUMNS - 1, "and then the sockets");

static void get_sockets(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct vec *sockets = &((const struct who_row *)row)->sockets;
    cell_set_list(ret, sockets->items, sockets->len, sockets->item_size);
}

static void text_sockets(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    buf_u64(out, ((const struct who_row *)row)->sockets.len);
}

/* Of a holder's sockets these of list's columns, and with names the last ones too. */
static const char *const socket_keys[] = {
    "proto", "state",      "local",    "peer",  "recv_q",   "send_q",     "reach",     "inode",
    "netns", "netns_name", "detached", "timer", "timer_ms", "local_name", "peer_name", "service",
};
static_assert(sizeof socket_keys / sizeof *socket_keys == WHO_SOCKET_COLUMNS, "room for each");
enum { NAME_KEYS = 3 };

void who_columns_fill(struct who_columns *ret, bool names)
{
    socket_columns_pick(ret->of_sockets, socket_keys, WHO_SOCKET_COLUMNS);
    memcpy(ret->all, columns, sizeof columns);
    ret->all[WHO_COLUMNS - 1] = (struct render_column){
        .key = "sockets",
        .help = "its sockets; a table shows how many",
        .kind = CELL_LIST,
        .get = get_sockets,
        .text = text_sockets,
        .columns = ret->of_sockets,
        .n_columns = names ? WHO_SOCKET_COLUMNS : WHO_SOCKET_COLUMNS - NAME_KEYS,
    };
}
