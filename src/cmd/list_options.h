/* What `berth list` is asked: its options, as a struct and as the table that fills it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "cmd/output.h"
#include "cmd/socket_names.h"
#include "cmd/sockets.h"

struct list_arguments {
    struct output_arguments output;
    struct sockets_arguments sockets;
    const char *kinds;
    bool all_kinds, listeners, ipv4, ipv6;
    int names; /* of -n and -r the last one counts */
    uint64_t names_timeout_ns;
    bool options, timers, memory, info, extended, ends;
    const char *filter_file;
    const char *sort, *group_by;
    bool summary;
    uint64_t top;
    const char *save;
};

extern const struct list_arguments list_defaults;
extern const struct command_option list_options[];

/* The values that an option's argument can have, for completions: as a command's `values`. */
int list_option_values(const char *what, struct vec *ret);
