#include "cmd/list_options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/vec.h"
#include "cmd/socket_view.h"

const struct list_arguments list_defaults = {.names_timeout_ns = NAMES_TIMEOUT_NS};

const struct command_option list_options[] = {
    {.name = "kind",
     .letter = 'k',
     .type = OPTION_TEXT,
     .field = offsetof(struct list_arguments, kinds),
     .metavar = "KINDS",
     .completes = "kinds,",
     .group = "Which sockets",
     .help =
         "kinds to list instead of tcp and udp: names with commas; unix, inet and all are sets"},
    {.name = "all",
     .letter = 'a',
     .field = offsetof(struct list_arguments, all_kinds),
     .help = "every kind"},
    {.name = "listeners",
     .letter = 'l',
     .field = offsetof(struct list_arguments, listeners),
     .help = "only what can be connected to: LISTEN, and datagram sockets without a peer"},
    {.name = "ipv4",
     .letter = '4',
     .field = offsetof(struct list_arguments, ipv4),
     .help = "of the IP kinds only IPv4"},
    {.name = "ipv6",
     .letter = '6',
     .field = offsetof(struct list_arguments, ipv6),
     .help = "of the IP kinds only IPv6"},
    {.name = "filter-file",
     .letter = 'F',
     .type = OPTION_TEXT,
     .field = offsetof(struct list_arguments, filter_file),
     .metavar = "FILE",
     .completes = "file",
     .help = "read the filter from a file; - is standard input"},

    SOCKETS_OPTIONS(struct list_arguments){
        .name = "tcpdiag",
        .type = OPTION_TEXT,
        .field = offsetof(struct list_arguments, sockets.tcpdiag),
        .metavar = "FILE",
        .completes = "file",
        .help = "read a raw sock_diag dump, as ss reads $TCPDIAG_FILE"},

    {.name = "options",
     .letter = 'O',
     .field = offsetof(struct list_arguments, options),
     .group = "What to tell",
     .help = "each socket's options: reuseaddr, reuseport, v6only, keepalive …"},
    {.name = "timers",
     .letter = 't',
     .field = offsetof(struct list_arguments, timers),
     .help = "the timer that runs, and when it fires"},
    {.name = "memory",
     .letter = 'm',
     .field = offsetof(struct list_arguments, memory),
     .help = "buffers, memory in use, drops"},
    {.name = "info",
     .letter = 'i',
     .field = offsetof(struct list_arguments, info),
     .help = "what TCP knows: round trip times, windows, retransmissions, bytes, rates"},
    {.name = "extended",
     .letter = 'e',
     .field = offsetof(struct list_arguments, extended),
     .help = "all of these"},
    {.name = "ends",
     .letter = 'E',
     .field = offsetof(struct list_arguments, ends),
     .help = "who holds the other end, where it is on this host"},
    NAMES_OPTIONS(struct list_arguments){
        .name = "sort",
        .letter = 's',
        .type = OPTION_TEXT,
        .field = offsetof(struct list_arguments, sort),
        .metavar = "LIST",
        .completes = "columns,",
        .help = "order by these columns; -NAME the other way round; help lists "
                "them"},
    {.name = "group-by",
     .letter = 'g',
     .type = OPTION_TEXT,
     .field = offsetof(struct list_arguments, group_by),
     .metavar = "LIST",
     .completes = "columns,",
     .help = "count the sockets that agree in these columns, and sum their numbers"},
    {.name = "summary",
     .field = offsetof(struct list_arguments, summary),
     .help = "how many of each kind in each state"},
    {.name = "top",
     .type = OPTION_UINT,
     .field = offsetof(struct list_arguments, top),
     .metavar = "N",
     .min = 1,
     .max = UINT32_MAX,
     .help = "only the first N rows"},
    {.name = "save",
     .type = OPTION_TEXT,
     .field = offsetof(struct list_arguments, save),
     .metavar = "FILE",
     .completes = "file",
     .help = "write what is read of this host to FILE, for --facts"},

    OUTPUT_OPTIONS(struct list_arguments){0},
};

static int kind_values(struct vec *ret)
{
    static const char *const sets[] = {"unix", "inet", "all"};
    for (int i = 0; i < NET_KINDS; i++) {
        const char *name = net_kind_name((enum net_kind)i);
        if (vec_add(ret, &name) < 0)
            return -ENOMEM;
    }
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (vec_add(ret, &sets[i]) < 0)
            return -ENOMEM;
    return 0;
}

int list_option_values(const char *what, struct vec *ret)
{
    size_t n;
    const struct render_column *all = socket_columns(&n);
    if (strcmp(what, "columns") == 0)
        return output_column_values(all, n, ret);
    return strcmp(what, "kinds") == 0 ? kind_values(ret) : -ENOENT;
}
