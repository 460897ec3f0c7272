/* Answers of ports as rows. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/receivers.h"
#include "flow/probe.h"
#include "render/render.h"

struct scan_row {
    const char *host; /* as it was asked for */
    struct net_addr address;
    uint16_t first, last; /* ports that gave the same answer, most often one */
    bool udp;
    const char *service; /* NULL: the port has no name */
    const struct probe_answer *answer;
    bool local;         /* the address is this host's own */
    bool loopback_down; /* this host's */
    bool looked;        /* then: its listeners are known */
    const struct receiver *listeners;
    size_t n_listeners;
};

enum { SCAN_COLUMNS = 13 };
extern const struct render_column scan_columns[SCAN_COLUMNS];

/* "open", "no-answer" … */
const char *scan_answer_name(enum probe_state state, bool udp);
