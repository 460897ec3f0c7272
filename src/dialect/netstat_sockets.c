/* netstat's lists of sockets, and of groups: which are asked for, and in which order they are
 * shown. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "cli/command.h"
#include "dialect/netstat_listing.h"
#include "net/socket.h"

static bool names_protocol(const struct netstat_options *o)
{
    return o->tcp || o->udp || o->udplite || o->sctp || o->raw;
}

static uint32_t inet_kinds(const struct netstat_options *o)
{
    if (!names_protocol(o))
        return o->inet || o->inet6 || !(o->unix_sockets || o->groups || o->absent)
                   ? 1u << NET_TCP | 1u << NET_UDP | 1u << NET_UDPLITE | 1u << NET_RAW
                   : 0;
    return (o->tcp ? 1u << NET_TCP : 0) | (o->udp ? 1u << NET_UDP : 0) |
           (o->udplite ? 1u << NET_UDPLITE : 0) | (o->raw ? 1u << NET_RAW : 0);
}

static bool wants_unix(const struct netstat_options *o)
{
    return o->unix_sockets || !(names_protocol(o) || o->inet || o->inet6 || o->groups || o->absent);
}

int netstat_read(struct listing *l, uint32_t kinds, source_sink *sink)
{
    struct err e = {0};
    struct source_report report;
    struct source_query q = {
        .via = SOURCE_PROC,
        .as_listed = true,
        .kinds = kinds,
        .states = NET_STATES_ALL,
        .families = l->o->inet == l->o->inet6 ? 1u << AF_INET | 1u << AF_INET6
                    : l->o->inet              ? 1u << AF_INET
                                              : 1u << AF_INET6,
        .detail = l->o->timers ? SOURCE_TIMERS : 0,
        .netns_fd = -1,
    };
    source_report_init(&report);
    int r = source_read(&q, sink, l, &report, &e);
    source_report_clear(&report);
    if (r < 0 && e.code)
        err_print(&e, stderr);
    return r;
}

/* The kernels of today have no such sockets, this one perhaps none of SCTP either: told where they
 * are asked for, and with -v where everything is. */
static bool has_sctp(const struct netstat_options *o)
{
    if (access("/proc/net/sctp", F_OK) == 0 || (o->sctp && o->inet6))
        return true;
    fputs("netstat: no support for `AF INET (sctp)' on this system.\n", stderr);
    return false;
}

static void tell_absent(const struct netstat_options *o)
{
    bool everything = !names_protocol(o) && !*o->families && !o->groups;
    if (!o->verbose || !everything)
        return;
    for (int i = 0; i <= o->all; i++)
        (void)has_sctp(o);
    netstat_tell_absent();
}

static int list(struct listing *l)
{
    uint32_t kinds = inet_kinds(l->o);
    bool inet = kinds || l->o->sctp;
    int r = l->o->programs && (inet || wants_unix(l->o)) ? netstat_owners_open(l) : 0;
    if (r == 0 && inet)
        r = netstat_inet(l, kinds);
    if (r == 0 && l->o->sctp) {
        out_flush(l->out);
        r = has_sctp(l->o) ? 0 : -EOPNOTSUPP;
    }
    if (r == 0 && l->o->groups)
        r = netstat_groups(l->o, l->out) == EXIT_YES ? 0 : -ENOMEM;
    if (r == 0 && wants_unix(l->o))
        r = netstat_unix(l);
    if (r == 0 && l->o->absent) {
        out_flush(l->out);
        netstat_refuse_sockets(l->o);
        r = -EAFNOSUPPORT;
    }
    if (r == 0)
        tell_absent(l->o);
    return r;
}

int netstat_sockets(const struct netstat_options *o, struct out *out)
{
    struct listing l = {
        .o = o,
        .out = out,
        .title_texts = VEC_INIT(struct buf),
    };
    int r = list(&l);
    netstat_owners_close(&l);
    netstat_inet_close(&l);
    return r < 0 ? EXIT_NO : EXIT_YES;
}
