/* A conversation: two streams, a pump each way, and what ends it.
 *
 * Side A is the near one (the terminal, the accepted client), side B the far one; nothing else
 * tells them apart. When one side has sent all it has, the other hears of it by a half-close, and
 * the rest of what that one says still comes through; a side may be set to end it all instead. An
 * error of one side ends it at once, but for a side that doesn't listen any more (EPIPE): what it
 * has to say is still heard.
 *
 * A conversation takes turns with the others of its loop, so that a fast one doesn't starve a slow.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "flow/pump.h"

enum pair_on_end {
    PAIR_PASS, /* the other side is half-closed; the conversation goes on */
    PAIR_END,  /* the conversation is over, when what was read is written */
    PAIR_KEEP, /* the other side isn't told; the conversation goes on */
    PAIR_HOLD, /* nothing happens until the owner has chosen another of these, and woken the pair */
    PAIR_LEAVE /* nobody is there any more (a process has ended), or the other side knows no end
                * (UDP): it is half-closed all the same, and the conversation is over as soon as
                * nothing moves for PAIR_LEAVE_MS; at once, if it's neither a socket nor lingers */
};

enum { PAIR_LEAVE_MS = 2000 };

enum pair_why {
    PAIR_RUNS,
    PAIR_BOTH_ENDED, /* each side has ended */
    PAIR_A_ENDED,    /* side A ended, and was set to end it all */
    PAIR_B_ENDED,
    PAIR_A_FAILED, /* error says how: ECONNRESET, ETIMEDOUT … */
    PAIR_B_FAILED,
    PAIR_IDLE,     /* nothing moved for too long */
    PAIR_LIFETIME, /* it lasted too long */
    PAIR_STOPPED,  /* by pair_stop */
    PAIR_WHYS
};

struct pair {
    struct stream a, b;
    struct pump ab, ba;
    enum pair_on_end on_a_end, on_b_end;
    bool a_must_listen;            /* A not listening any more ends it, with EPIPE of A */
    bool lingers;                  /* PAIR_LEAVE leaves its time to any kind of end */
    uint64_t idle_ns, lifetime_ns; /* 0: no limit */
    /* A direction's end was dealt with, as on_…_end says, and the conversation goes on. May be
     * NULL; must not end the pair. */
    void (*passed)(struct loop *l, struct pair *p, const struct pump *direction);

    enum pair_why why;
    int error; /* positive errno of PAIR_A_FAILED, PAIR_B_FAILED */
    uint64_t started_ns, moved_ns;
    /* Called once, when it is over; the streams are closed already. The owner may free the pair
     * there. */
    void (*over)(struct loop *l, struct pair *p);

    /* of pair.c */
    char *scratch;
    struct loop_turn turn;
    struct loop_timer timer;
    bool ab_passed, ba_passed; /* the end of that direction was dealt with */
    bool ab_deaf, ba_deaf;     /* its bytes go nowhere any more */
    enum pair_why leaves;      /* what it will have ended with; 0: nobody has left */
};

/* *p stays where it is. The caller sets the streams a and b (stream_init_…), on_…_end, the limits,
 * hooks and rates of the pumps, and `over` between init and start. */
void pair_init(struct pair *p);
/* scratch: PUMP_SCRATCH bytes that the loop's pairs share. Bytes move from the loop's next round
 * on. 0, or a negative errno: then it's the caller's to close the streams, and `over` isn't
 * called. */
int pair_start(struct loop *l, struct pair *p, char *scratch);
/* Ends it now; `over` is called before this returns. */
void pair_stop(struct loop *l, struct pair *p);
/* After something outside made room or brought bytes (pump_put). */
void pair_wake(struct loop *l, struct pair *p);
