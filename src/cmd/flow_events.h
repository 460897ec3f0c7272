/* Events of conversations, shown: one line each on standard error, for people or as JSON.
 *
 * Each line is one write(2), so that threads don't mix theirs. Bytes from elsewhere are escaped.
 */
#pragma once
#include <stdbool.h>

#include "flow/accept.h"
#include "flow/event.h"

struct buf;
struct err;
struct listener;

struct flow_events {
    bool json, quiet;
    /* Not 0: an unfinished line stands on the terminal that events go to; it is ended then, and
     * this is 0. NULL: nothing else goes there. */
    uint64_t *mid_line;
};

/* Rows of an option table whose arguments' struct has a member `events`. */
#define FLOW_EVENTS_OPTIONS(arguments)               \
    {.name = "json",                                 \
     .letter = 'j',                                  \
     .field = offsetof(arguments, events.json),      \
     .group = "Events",                              \
     .help = "events as JSON, one object a line"},   \
        {.name = "quiet",                            \
         .letter = 'q',                              \
         .field = offsetof(arguments, events.quiet), \
         .help = "no events, only what ends berth"},

void flow_events_show(const struct flow_events *f, const struct event *e);
/* EVENT_TROUBLE, or EVENT_FAILED, which is told even if quiet. f may be NULL: in words. */
void flow_events_err(const struct flow_events *f, enum event_kind kind, const struct err *e);
/* EVENT_NOTE. f may be NULL, too. */
void flow_events_note(const struct flow_events *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* EVENT_STOPPING, with how many clients have how long; 0: no time at all. */
void flow_events_stopping(const struct flow_events *f, uint32_t clients, uint64_t grace_ns);
/* Whether something that each datagram can cause is to be told: once a second. *last_ns: 0 first.
 */
bool flow_event_is_due(uint64_t *last_ns, uint64_t now_ns);
/* Why a client is turned away, in words. */
const char *flow_event_refusal(enum accept_refusal why);
/* Why it ended, in words: "ended", "connection reset by peer" … */
void flow_event_why(struct buf *out, const struct event *e);
/* EVENT_LISTENING of this address, whose socket is fd, with who can reach it. The interfaces are
 * read each time. */
void flow_events_listening(const struct flow_events *f, const struct listener *l, int fd);
