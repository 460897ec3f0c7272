/* Why a connection to an address of this host failed, in the words of `explain connect`: for the
 * commands that connect.
 */
#pragma once
struct endpoint;
struct target;

struct buf;

/* Who has the port, and what helps: nothing where that isn't known, or the address is another
 * host's. ep is what the user asked for, error the positive errno. */
void refusal_explain(const struct endpoint *ep, const struct target *t, int error, struct buf *out);
/* The same in two parts, which both stay empty where nothing can be said. */
void refusal_find(const struct endpoint *ep, const struct target *t, int error, struct buf *reason,
                  struct buf *remedy);
/* The same, as a line on stderr each. */
void refusal_tell(const struct endpoint *ep, const struct target *t, int error);
