/* The far end of a conversation: whatever an endpoint stands for, opened for one client after the
 * other. A connection, datagrams, TLS; a file, a process, a serial line, a descriptor, standard
 * input and output.
 *
 * What never changes is the plan, which threads share. A place is where it is, as one loop knows
 * it: a name is looked up again for each conversation, and while nobody answers for it, those
 * addresses count that were found last. A struct far is one conversation's own.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "cmd/lookup.h"
#include "cmd/reach.h"
#include "flow/dgram.h"
#include "flow/ends.h"
#include "flow/pump.h"

struct child_environment;
struct event;

struct far_plan {
    /* Set by the owner. reach.endpoint and reach.word always; of sockets the rest of it. */
    struct reach_plan reach;
    enum end_role role;
    uint64_t timeout_ns;                /* of connecting; 0: the kernel's patience */
    const struct flow_events *tls_info; /* what TLS agreed on is told there; NULL not at all */
    bool explains; /* who has the port where it is refused goes into the words of the failure */

    /* of far.c */
    struct vec targets; /* struct target: of sockets, as they were at the beginning */
    atomic_bool explaining;
    _Atomic uint64_t explained_ns;
};

/* Looks the name up, or whether there is such a file, command or line, so that what can't work is
 * told before anybody comes. 0 or a negative errno with *e filled. */
int far_plan_prepare(struct far_plan *p, struct err *e);
void far_plan_clear(struct far_plan *p);
/* There is only one of it, for one conversation. */
bool far_plan_is_unique(const struct far_plan *p);
/* For one conversation at a time. */
bool far_plan_is_single(const struct far_plan *p);

struct far;

struct far_place {
    struct far_plan *plan;
    struct loop *loop;
    /* of far.c */
    struct vec targets; /* struct target: what was found last */
    struct lookup lookup;
    struct far *waiting; /* for it */
};

void far_place_init(struct far_place *p, struct loop *l, struct far_plan *plan);
void far_place_clear(struct far_place *p);

struct far {
    /* Set by the owner before far_open. */
    struct stream *stream; /* in the conversation's pair */
    /* Called once, from the loop: e NULL: the stream is there; else what went wrong. */
    void (*opened)(struct far *f, const struct err *e);
    /* The process has ended; end.child.status is as of wait(2). May be NULL. */
    void (*exited)(struct far *f);
    /* Something of ours to be said first, before TLS too. 0 or a negative errno. May be NULL. */
    int (*greet)(struct far *f, int fd);

    struct dgram *datagrams; /* of the stream, where it is made of them; else NULL */
    struct end end;
    struct tls_fault fault;
    /* What it is connected to; address_n 0: it is no connection. */
    struct sockaddr_storage address;
    socklen_t address_n;
    const char *words; /* of a failure, or of what TLS agreed on, for events: lasts until far_close;
                        * NULL none */

    /* of far.c */
    struct far_place *place;
    struct far *next, **at; /* of the waiting */
    struct reach *reach;    /* while it is on its way */
    struct dgram dgram;
    struct err error;
    struct buf text;
    struct loop_turn turn;
    struct loop_timer timer; /* for a process that doesn't end */
    uint64_t deadline_ns;
    bool pressed;
};

struct far_how {
    /* Who comes, for a process: an event about him, with his ends. NULL: nobody; it gets our
     * environment. */
    const struct event *near;
    const struct winsize *size; /* of a terminal made here; NULL: unknown */
};

/* *f stays where it is until far_close. 0, or a negative errno: then `opened` isn't called. */
int far_open(struct far *f, struct far_place *place, const struct far_how *how);
/* Whether its process is still there. */
bool far_runs(const struct far *f);
/* Its process is told to end, and made to after a while; at once, the second time. */
void far_press(struct far *f);
/* It isn't on its way any more: `opened` isn't called. A stream that is there is the pair's. */
void far_cancel(struct far *f);
/* The same, and its process isn't watched any more; killed, if `kill`. After its stream is closed.
 * A zeroed one is closed already. */
void far_close(struct far *f, bool kill);
