/* Whether a pass over descriptors met every TCP socket of this network namespace, told by a few
 * numbers that the kernel keeps of it. Then the kernel's tables needn't be walked for sockets that
 * no process has open: on a host where that is so, the walk is a third of the work.
 *
 * A census is taken before and after the pass. If as many sockets were in the tables as the pass
 * met, both times, none was in TIME_WAIT and no connection was opened in between, by either end,
 * then none was closed either: what was met is what there was. Requests for connections (SYN_RECV)
 * don't count; the listeners know how many wait there, and the pass looks at these.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct census {
    uint64_t tcp;     /* in the tables, listening or connected (sock_prot_inuse_get) */
    uint64_t waiting; /* in TIME_WAIT */
    uint64_t opened;  /* connections, since the namespace was made */
};

/* Of the calling thread's namespace. 0 or a negative errno. */
int census_take(struct census *ret);

/* Whether the n sockets that were met between the two are all that there were. */
bool census_is_complete(const struct census *before, const struct census *after, uint64_t n);
