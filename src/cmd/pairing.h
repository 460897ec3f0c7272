/* How two ends go together, by what they are: what the end of one means to the other, and what may
 * pass unchanged.
 */
#pragma once
#include <stdbool.h>

#include "flow/dgram.h"
#include "flow/pair.h"
#include "net/endpoint.h"

struct pairing_side {
    enum endpoint_scheme scheme;
    struct dgram *datagrams; /* behind the stream; NULL: none */
};

/* Of a pair whose streams are set, and which isn't started: what ends it, and its datagrams. */
void pairing_set(struct pair *p, const struct pairing_side sides[2]);
/* Whether what this side (0, 1) says is a stranger's, and would go to a terminal. */
bool pairing_escapes(const struct pair *p, const struct pairing_side sides[2], int from);
