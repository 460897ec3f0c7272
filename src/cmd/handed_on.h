/* Ports that the firewall hands on, in words, for `who` and `free`. */
#pragma once
#include <stdbool.h>

struct buf;
struct holding_target;
struct render_options;

/* The rules of this host that may take what comes to a target's port: a line that begins with
 * `opening` and the target's words, and a paragraph each. False, and nothing, if there is none.
 * That there are some that can't be read is told on stderr. */
bool handed_on_describe(struct buf *out, const struct render_options *o,
                        const struct holding_target *target, const char *opening);
