/* Looks over a whole host and says what is wrong, or will be: what `berth doctor` tells.
 *
 * Pure: facts give findings, the worst first. Each finding is one row of a table and one function;
 * what a fact that isn't known would show is not found, never guessed. Words are for people; all
 * that came from elsewhere (names of processes) is escaped in them.
 */
#pragma once
#include "base/vec.h"
#include "net/facts.h"

enum finding_severity {
    FINDING_NOTE,    /* not wrong, but it surprises people */
    FINDING_WARNING, /* something goes wrong now and then, or will */
    FINDING_BAD,     /* something doesn't work now */
    FINDING_SEVERITIES
};
const char *finding_severity_name(enum finding_severity s); /* "note", "warning", "bad" */

struct finding {
    const char *name; /* stable: "accept-queue-full" */
    enum finding_severity severity;
    char *title;        /* one line, owned */
    char *evidence;     /* sentences, one a line, owned */
    char *remedy;       /* what helps, one a line, owned */
    struct vec sockets; /* const struct net_socket *, of the facts */
};

struct findings_how {
    uint64_t counted_ns; /* the counters are what came within this time; 0: all so far */
};

/* What can be found, in the order of the table; title says it in general. NULL behind the last. */
struct finding_kind {
    const char *name, *title;
};
const struct finding_kind *finding_kind(size_t i);

/* Sockets of another namespace than the facts' own are passed over. *ret gets struct finding, to
 * be released with findings_free; the facts must outlive them. 0 or -ENOMEM. */
int findings_find(const struct facts *f, const struct findings_how *how, struct vec *ret);
void findings_free(struct vec *findings);
