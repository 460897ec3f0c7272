/* Many peers at one place: standard input goes to all of them and what they say to standard output,
 * or each line of one goes to all the others (chat).
 *
 * A peer who is alone has the whole speed of the pumps, once it sends bulk, and nothing is read for
 * it that it doesn't take. With several, standard input is read as fast as the fastest takes it;
 * what the others haven't taken yet waits in queues of their own, and whoever lets more than
 * HUB_QUEUE_MAX pile up is dropped. Lines are marked with the peer's number then, `[3] text`, and
 * kept whole; each datagram is a line of its own. While there is nobody, standard input isn't read.
 * Its end half-closes towards all, also those to come.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "flow/dgram.h"
#include "flow/event.h"
#include "flow/hook_escape.h"
#include "flow/pump.h"
#include "flow/queue.h"

enum { HUB_QUEUE_MAX = 1 << 20, HUB_LINE_MAX = 1 << 16 };

struct hub_member;

struct hub {
    bool chat;
    bool raw; /* what peers say goes to a terminal as it is */
    /* Standard output is no more; nothing else can be done. Who is dropped for it, by
     * WHY_FAR_FAILED, has the same error. */
    void (*out_failed)(struct loop *l, struct hub *h, int error);

    /* of hub.c */
    struct loop *loop;
    char *scratch;
    struct stream stdio; /* not of a chat */
    int out_error;       /* standard output can't be written to any more: positive errno; else 0 */
    bool interactive;    /* a person sits at standard input */
    bool to_terminal;    /* and looks at standard output */
    bool input_over;     /* nothing more goes to anybody */
    struct hub_member *first;
    uint32_t n;
    struct hub_member *holder; /* has bytes that standard output didn't take yet: goes first */
    uint64_t mid_line;         /* the number of who wrote an unfinished line there; 0 none, or
                                * somebody else has ended it */
    bool unsure;               /* or a finished one: nobody saw how it ended */
    struct buf text;           /* what goes out next */
    struct buf datagrams;      /* the same, of lines made of datagrams */
    struct loop_turn turn;
};

struct hub_member {
    /* Set by the owner between hub_member_init and hub_join. */
    uint64_t id;
    struct stream s;
    struct dgram *dgram;              /* of the stream, where it is one of datagrams; else NULL */
    struct rate *rate_up, *rate_down; /* NULL: no limit; borrowed */
    uint64_t idle_ns, lifetime_ns;    /* 0: no limit */
    /* Called once, when it is over and the stream closed; the owner may free it there. */
    void (*over)(struct loop *l, struct hub_member *m);

    enum event_why why; /* WHY_NONE while it runs */
    int error;          /* positive errno */
    uint64_t bytes_in, bytes_out;

    /* of hub.c */
    struct hub *hub;
    struct hub_member *next, **at;
    struct pump up, down; /* down: only while it is alone */
    struct queue queue;
    bool up_over; /* it has said all it had */
    bool deaf;    /* it doesn't listen any more */
    bool hooked;
    struct pump_hook tap, label;
    struct hook_escape *escape;
    struct queue partial; /* the beginning of a line */
    uint64_t hooked_at;   /* of bytes_in, when the hooks came */
    uint64_t started_ns, moved_ns;
    struct loop_turn turn;
    struct loop_timer timer;
};

/* h->chat and h->out_failed must be set, all else zeroed; scratch: PUMP_SCRATCH bytes. Takes
 * standard input and output, unless it's a chat. 0 or a negative errno. *h stays where it is. */
int hub_init(struct hub *h, struct loop *l, char *scratch);
/* The members must be gone. */
void hub_clear(struct hub *h);
/* As if standard input had ended. */
void hub_end_input(struct hub *h);

void hub_member_init(struct hub_member *m);
/* 0, or a negative errno: then the stream is the caller's to close, and `over` isn't called. */
int hub_join(struct hub *h, struct hub_member *m);
/* Ends it now; `over` is called before this returns. */
void hub_drop(struct hub_member *m, enum event_why why);
