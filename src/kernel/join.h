/* What a row passes through between the way that read it and the sink that wants it.
 *
 * A way tells what it knows; here the row gets its last parts: owners, their details, the name of
 * its device, options that only a duplicate of the socket tells. The rows of each way look the same
 * from here on. How rows come, and which, isn't known here.
 */
#pragma once
#include "base/hash.h"
#include "kernel/sockopts.h"
#include "kernel/source.h"
#include "kernel/subflows.h"

struct owners;

struct joiner {
    const struct source_query *query;
    source_sink *sink;
    void *ctx;
    struct owners *owners;    /* NULL: not asked for */
    struct subflows subflows; /* who holds MPTCP sockets, and with them TCP sockets */
    struct sockopts sockopts;
    struct {
        const struct net_process *from, *complete;
    } last;               /* process: most sockets are of that of the socket before */
    struct vec completed; /* struct net_owner: owners that came with the row, with their texts */
    uint64_t netns;       /* that the thread is in; 0 unknown */
    struct hash device_index;       /* namespace and ifindex, mixed -> index + 1 in devices */
    struct vec devices;             /* struct device */
    uint64_t told, hidden, refused; /* rows; those whose owners, whose options may not be seen */
};

void join_init(struct joiner *j, const struct source_query *q, source_sink *sink, void *ctx);
void join_clear(struct joiner *j);
/* Completes a copy of the row, since a way may tell it from a table of its own, and hands it on.
 * The sink's answer, or -ENOMEM. */
int join_row(struct joiner *j, const struct net_socket *from);
/* Remembers who holds an MPTCP socket, for the TCP sockets that come later. 0 or -ENOMEM. */
int join_note_subflows(struct joiner *j, const struct net_socket *s);
/* Says in the report what may not be seen, and why. */
void join_report(const struct joiner *j, struct source_report *report);
