/* From the addresses of a name to rows that explain them: the rule that puts each where it stands,
 * and who listens there.
 */
#pragma once
#include <net/if.h>

#include "base/vec.h"
#include "cmd/resolve_columns.h"
#include "net/facts.h"

enum { RESOLVE_NAME_LENGTH = 257, RESOLVE_SERVICE_LENGTH = 65 };

struct resolve_device {
    char name[IF_NAMESIZE];
};

/* One word of the user's, and what became of it. */
struct resolve_query {
    const char *word;
    char name[RESOLVE_NAME_LENGTH], service[RESOLVE_SERVICE_LENGTH];
    struct resolve_question question; /* points into the two above */
    struct resolve_answer answer;
    struct rfc6724_candidate *candidates; /* one an address */
    struct resolve_row *rows;             /* likewise */
    struct vec *listeners;                /* likewise: struct receiver */
    struct vec devices; /* struct resolve_device: names of scopes, one an address */
    struct facts facts; /* the sockets of its port */
};

struct resolve_scene {
    struct rfc6724_tables tables;
    struct vec links; /* struct net_iface */
};

void resolve_query_clear(struct resolve_query *q);

/* Those that listen at the port of the addresses, into q->facts. 0, or an exit status after a
 * message. */
int resolve_read_sockets(struct resolve_query *q);
/* One row for each address, with listeners if the sockets were read. 0 or a negative errno. */
int resolve_make_rows(const struct resolve_scene *s, struct resolve_query *q, bool looked);
