/* Prints what src/kernel reads of this network namespace, for the tests of tests/kernel and for
 * measuring: one line a socket, "KIND STATE LOCAL PEER DETACHED key=value …".
 *
 *   diagdump [-k KINDS] [-s STATES] [-4|-6] [-d DETAIL] [-F FILTER] [-f FILE] [-p] [-c] [-x COOKIE]
 *   diagdump -k KIND -l LOCAL,PORT,REMOTE,PORT
 *
 * KINDS as in net_kinds_parse, STATES names with commas, DETAIL a number (enum source_detail), FILE
 * a raw dump, -p by /proc/net, -c the plain columns of a list alone, as fast as can be; -x ends the
 * connection of that cookie; -l is the kernel's lookup.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/out.h"
#include "base/parse.h"
#include "base/text.h"
#include "kernel/diag.h"
#include "kernel/proc_net.h"
#include "net/filter.h"

struct dump {
    struct source_query query;
    const char *file, *filter;
    char *lookup;
    uint64_t destroy;
    bool by_proc, plain;
    struct out out;
    struct buf end;
};

static void print_field(struct buf *b, const struct net_socket *s, enum net_field f)
{
    struct cell c = net_field_get(s, f);
    if (c.presence == ABSENT)
        return;
    buf_printf(b, " %s=", net_field_infos[f].key);
    if (c.presence == FORBIDDEN)
        buf_char(b, '?');
    else if (net_field_infos[f].kind == CELL_BOOL)
        buf_u64(b, c.boolean);
    else if (net_field_infos[f].kind == CELL_INT)
        buf_i64(b, c.integer);
    else if (net_field_infos[f].kind == CELL_UINT)
        buf_u64(b, c.uint);
    else
        text_escape(b, c.text.bytes, c.text.n);
}

static void print_all(struct buf *b, const struct net_socket *s)
{
    static const char *const detached[] = {
        [NET_ATTACHED] = "attached",
        [NET_TIME_WAITING] = "time-wait",
        [NET_REQUEST] = "request",
        [NET_IN_QUEUE] = "in-queue",
        [NET_ORPHAN] = "orphan",
        [NET_OF_KERNEL] = "kernel",
        [NET_DETACHED_UNCLEAR] = "unclear",
    };
    buf_printf(b, " %s family=%u", detached[s->detached], s->family);
    for (int f = 0; f < NET_F_LOCAL; f++)
        print_field(b, s, (enum net_field)f);
}

static void print_end(struct dump *d, const struct net_socket *s, enum net_end end)
{
    struct buf *b = &d->out.buf;
    buf_char(b, ' ');
    buf_clear(&d->end);
    net_socket_format_end(&d->end, s, end);
    text_escape(b, d->end.data, d->end.len);
}

static int print(void *ctx, const struct net_socket *s)
{
    struct dump *d = ctx;
    struct buf *b = &d->out.buf;
    buf_str(b, net_kind_name(s->kind));
    buf_char(b, ' ');
    buf_str(b, net_state_name(s->state));
    if (d->plain) {
        buf_char(b, ' ');
        buf_u64(b, s->recv_q);
        buf_char(b, ' ');
        buf_u64(b, s->send_q);
    }
    print_end(d, s, NET_END_LOCAL);
    print_end(d, s, NET_END_PEER);
    if (!d->plain)
        print_all(b, s);
    buf_char(b, '\n');
    return out_flush_if_full(&d->out);
}

static int parse_states(char *names, uint32_t *ret)
{
    *ret = 0;
    for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
        enum net_state state;
        if (net_state_parse(name, &state) < 0)
            return -EINVAL;
        *ret |= 1u << state;
    }
    return 0;
}

static int parse_kinds(char *names, uint32_t *ret)
{
    *ret = 0;
    for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
        uint32_t mask;
        if (net_kinds_parse(name, &mask) < 0)
            return -EINVAL;
        *ret |= mask;
    }
    return 0;
}

static int parse_options(struct dump *d, int argc, char **argv)
{
    for (int c; (c = getopt(argc, argv, "k:s:46d:F:f:l:x:pc")) != -1;) {
        int r = 0;
        if (c == 'k')
            r = parse_kinds(optarg, &d->query.kinds);
        else if (c == 's')
            r = parse_states(optarg, &d->query.states);
        else if (c == '4')
            d->query.families = 1 << AF_INET;
        else if (c == '6')
            d->query.families = 1 << AF_INET6;
        else if (c == 'd')
            d->query.detail = (uint32_t)strtoul(optarg, NULL, 0);
        else if (c == 'F')
            d->filter = optarg;
        else if (c == 'f')
            d->file = optarg;
        else if (c == 'l')
            d->lookup = optarg;
        else if (c == 'x')
            d->destroy = strtoull(optarg, NULL, 0);
        else if (c == 'p')
            d->by_proc = true;
        else if (c == 'c')
            d->plain = true;
        else
            r = -EINVAL;
        if (r < 0)
            return r;
    }
    return 0;
}

/* Ends the reading with 1 if it could be ended. */
static int destroy(void *ctx, const struct net_socket *s)
{
    const struct dump *d = ctx;
    struct err e = {0};
    if (s->cookie != d->destroy)
        return 0;
    if (diag_destroy(s, &e) == 0)
        return 1;
    err_print(&e, stderr);
    return -e.code;
}

static int look_up(struct dump *d, struct err *e)
{
    struct net_socket s;
    struct net_addr ends[2];
    uint16_t ports[2];
    char *at = d->lookup;
    for (int i = 0; i < 2; i++) {
        char *address = strsep(&at, ","), *port = strsep(&at, ",");
        if (!port || net_addr_parse(address, &ends[i], NULL) < 0 || parse_port(port, &ports[i]) < 0)
            return -EINVAL;
    }
    int r = diag_lookup((enum net_kind)__builtin_ctz(d->query.kinds), &ends[0], ports[0], &ends[1],
                        ports[1], 0, &s, e);
    return r < 0 ? r : print(d, &s);
}

static int dump(struct dump *d, struct source_report *report, struct err *e)
{
    if (d->lookup)
        return look_up(d, e);
    if (d->destroy)
        return diag_read(&d->query, destroy, d, report, e) != 1;
    if (d->file)
        return diag_read_file(d->file, &d->query, print, d, report, e);
    if (d->by_proc)
        return proc_net_read(&d->query, print, d, report, e);
    return diag_read(&d->query, print, d, report, e);
}

int main(int argc, char **argv)
{
    struct dump d = {.query = {.kinds = NET_KINDS_DEFAULT,
                               .states = NET_STATES_ALL,
                               .families = 1 << AF_INET | 1 << AF_INET6}};
    struct source_report report;
    struct err e = {0};
    if (parse_options(&d, argc, argv) < 0)
        return 2;
    d.end = BUF_INIT(4096);
    struct net_filter *filter = NULL;
    struct net_filter_fault fault;
    if (d.filter && net_filter_parse(d.filter, NULL, &filter, &fault) < 0)
        return 2;
    d.query.filter = filter;
    out_init(&d.out, STDOUT_FILENO);
    source_report_init(&report);
    int r = dump(&d, &report, &e);
    for (size_t i = 0; i < report.notes.len; i++)
        fprintf(stderr, "note: %s\n", ((struct source_note *)vec_at(&report.notes, i))->text);
    if (e.code)
        err_print(&e, stderr);
    if (out_flush(&d.out) < 0)
        r = -EIO;
    net_filter_free(filter);
    source_report_clear(&report);
    out_clear(&d.out);
    buf_free(&d.end);
    return r != 0;
}
