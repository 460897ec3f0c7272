/* Between hub.c and the two ways in which members talk. */
#pragma once
#include "flow/hub.h"

/* One turn of what a member says; as pump_run's result, PUMP_ENDED when it has said all. A failure
 * of standard output sets *ret_out_failed. */
int hub_stdio_up(struct hub_member *m, bool *ret_out_failed);
int hub_chat_up(struct hub_member *m);
/* The member's pumps for standard input and output, and its hooks where they are needed. */
void hub_stdio_join(struct hub_member *m);
/* From now on the lines of this member may have to be marked. 0 or -ENOMEM. */
int hub_stdio_hook(struct hub_member *m);
void hub_stdio_leave(struct hub_member *m);

/* Cuts what a member said into lines: take gets each whole one, after what stands of it in
 * m->partial; what has no end yet is added there. A line longer than HUB_LINE_MAX goes in pieces.
 * 0 or -ENOMEM. */
int hub_take_lines(struct hub_member *m, const char *bytes, size_t n,
                   void (*take)(struct hub_member *m, const char *bytes, size_t n));

/* Sends to all but one (or NULL). Members may be over afterwards. */
void hub_broadcast(struct hub *h, const struct hub_member *but, const char *bytes, size_t n);
void hub_wake(struct hub_member *m);
void hub_wake_all(struct hub *h);
