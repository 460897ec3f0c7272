/* What source_read tells, as JSON lines: for tests of the ways to the rows, without the command.
 *
 *     rows [via=bpf|diag|proc] [kinds=all|tcp|…] [detail=all|NUMBER] [netns=all|TEXT]
 *
 * One object a socket with every plain field by its key, then {"via":…,"notes":[…]}; a failure is
 * {"error":…} and exit status 1.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/out.h"
#include "kernel/netns.h"
#include "kernel/source.h"
#include "net/state.h"

struct writer {
    struct out out;
    struct jsonw json;
};

static void write_cell(struct jsonw *j, struct cell c, enum cell_kind kind)
{
    if (c.presence != KNOWN)
        jsonw_null(j);
    else if (kind == CELL_BOOL)
        jsonw_bool(j, c.boolean);
    else if (kind == CELL_UINT)
        jsonw_u64(j, c.uint);
    else if (kind == CELL_INT)
        jsonw_i64(j, c.integer);
    else
        jsonw_text(j, c.text.bytes, c.text.n);
}

static void write_text(struct jsonw *j, const char *key, const char *text)
{
    jsonw_key(j, key);
    jsonw_str(j, text);
}

static void write_number(struct jsonw *j, const char *key, uint64_t value)
{
    jsonw_key(j, key);
    jsonw_u64(j, value);
}

static void write_owner(struct jsonw *j, const struct net_owner *o)
{
    const struct net_process *p = o->process;
    jsonw_object(j);
    write_number(j, "pid", (uint64_t)o->pid);
    write_number(j, "fd", (uint64_t)o->fd);
    if (p) {
        jsonw_key(j, "comm");
        jsonw_text(j, p->comm, strnlen(p->comm, sizeof p->comm));
        write_number(j, "uid", p->uid);
        write_number(j, "ppid", (uint64_t)p->ppid);
        write_number(j, "start_ns", p->start_ns);
        write_number(j, "netns", p->netns);
        write_number(j, "forbidden", p->forbidden);
        write_text(j, "cmdline", p->cmdline);
        write_text(j, "exe", p->exe);
        write_text(j, "cwd", p->cwd);
        write_text(j, "cgroup", p->cgroup);
        write_text(j, "unit", p->unit);
        write_text(j, "container", p->container);
    }
    jsonw_object_end(j);
}

static void write_end(struct jsonw *j, const char *key, const struct net_addr *a, uint32_t port)
{
    _cleanup_buf_ struct buf text = BUF_INIT(64);
    net_addr_format(&text, a);
    jsonw_key(j, key);
    jsonw_object(j);
    jsonw_key(j, "address");
    jsonw_str(j, a->family ? buf_cstr(&text) : NULL);
    write_number(j, "port", port);
    jsonw_object_end(j);
}

static void write_owners(struct jsonw *j, const struct net_socket *s)
{
    jsonw_key(j, "owners");
    if (!net_socket_knows(s, NET_F_OWNERS)) {
        jsonw_null(j);
        return;
    }
    jsonw_array(j);
    for (uint32_t i = 0; i < s->n_owners; i++)
        write_owner(j, &s->owners[i]);
    jsonw_array_end(j);
}

static void write_forbidden(struct jsonw *j, const struct net_socket *s)
{
    jsonw_key(j, "not_permitted");
    jsonw_array(j);
    for (int f = 0; f < NET_F_LOCAL; f++)
        if (net_socket_forbids(s, (enum net_field)f))
            jsonw_str(j, net_field_infos[f].key);
    if (net_socket_forbids(s, NET_F_OWNERS))
        jsonw_str(j, "owners");
    jsonw_array_end(j);
}

static int write_row(void *ctx, const struct net_socket *s)
{
    static const char *const detached[] = {"attached", "time-wait", "request", "in queue",
                                           "orphan",   "kernel",    "unclear"};
    struct writer *w = ctx;
    struct jsonw *j = &w->json;
    jsonw_object(j);
    write_text(j, "proto", net_kind_name(s->kind));
    write_text(j, "state", net_state_name(s->state));
    write_number(j, "family", s->family);
    write_end(j, "local", &s->local, s->local_port);
    write_end(j, "peer", &s->peer, s->peer_port);
    for (int f = 0; f < NET_F_LOCAL; f++) {
        jsonw_key(j, net_field_infos[f].key);
        write_cell(j, net_field_get(s, (enum net_field)f), net_field_infos[f].kind);
    }
    write_text(j, "detached", detached[s->detached]);
    jsonw_key(j, "listener");
    jsonw_bool(j, net_socket_is_listener(s));
    write_owners(j, s);
    write_forbidden(j, s);
    jsonw_object_end(j);
    buf_char(&w->out.buf, '\n');
    return out_flush_if_full(&w->out);
}

static void write_report(struct writer *w, const struct source_report *r)
{
    static const char *const vias[] = {"best", "bpf", "diag", "proc"};
    struct jsonw *j = &w->json;
    jsonw_object(j);
    write_text(j, "via", vias[r->via]);
    jsonw_key(j, "notes");
    jsonw_array(j);
    for (size_t i = 0; i < r->notes.len; i++)
        jsonw_str(j, ((struct source_note *)vec_at(&r->notes, i))->text);
    jsonw_array_end(j);
    jsonw_object_end(j);
    buf_char(&w->out.buf, '\n');
}

static bool read_word(struct source_query *q, const char *key, const char *value, struct err *e)
{
    if (strcmp(key, "via") == 0) {
        q->via = strcmp(value, "bpf") == 0    ? SOURCE_BPF
                 : strcmp(value, "diag") == 0 ? SOURCE_DIAG
                 : strcmp(value, "proc") == 0 ? SOURCE_PROC
                                              : SOURCE_BEST;
        return true;
    }
    if (strcmp(key, "kinds") == 0)
        return net_kinds_parse(value, &q->kinds) == 0;
    if (strcmp(key, "detail") == 0) {
        q->detail = strcmp(value, "all") == 0 ? UINT32_MAX : (uint32_t)strtoul(value, NULL, 0);
        return true;
    }
    if (strcmp(key, "netns") == 0 && strcmp(value, "all") == 0) {
        q->scope = SOURCE_ALL_NETNS;
        return true;
    }
    if (strcmp(key, "netns") == 0) {
        q->scope = SOURCE_ONE_NETNS;
        q->netns_fd = netns_open(value, e);
        return q->netns_fd >= 0;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct source_query q = {.kinds = NET_KINDS_DEFAULT,
                             .states = NET_STATES_ALL,
                             .families = 1 << AF_INET | 1 << AF_INET6,
                             .detail = SOURCE_OWNERS,
                             .netns_fd = -1};
    struct source_report report;
    struct err e = {0};
    struct writer w;
    int r = 0;
    out_init(&w.out, 1);
    w.json = JSONW_INIT(&w.out.buf);
    source_report_init(&report);
    for (int i = 1; i < argc && r == 0; i++) {
        char *value = strchr(argv[i], '=');
        if (value)
            *value++ = '\0';
        if (!value || !read_word(&q, argv[i], value, &e))
            r = e.code ? -e.code : err_set(&e, EINVAL, "understand", argv[i], NULL);
    }
    if (r == 0)
        r = source_read(&q, write_row, &w, &report, &e);
    if (r == 0) {
        write_report(&w, &report);
    } else {
        jsonw_object(&w.json);
        write_text(&w.json, "error", err_name(-r));
        write_text(&w.json, "op", e.op);
        write_text(&w.json, "subject", e.subject);
        write_text(&w.json, "hint", e.hint);
        jsonw_object_end(&w.json);
        buf_char(&w.out.buf, '\n');
    }
    fd_close(&q.netns_fd);
    if (out_flush(&w.out) < 0)
        r = -1;
    out_clear(&w.out);
    source_report_clear(&report);
    return r ? 1 : 0;
}
