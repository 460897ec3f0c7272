/* berth connect: what goes over a conversation, written down, and said again.
 */
#pragma once
#include "base/buf.h"
#include "base/out.h"
#include "flow/pair.h"

struct err;

/* --record and --hexdump: hooks that see both directions. */
struct recorder {
    struct direction_seen {
        struct pump_hook hook;
        struct recorder *recorder;
        char direction;
        uint64_t offset;
    } sent, received;
    uint64_t began_ns;
    struct out record, hexdump; /* fd -1: not wanted */
    const char *record_name, *hexdump_name;
};

/* Opens the files; "-" is stderr. Always to be cleared. 0, or a negative errno with *e filled. */
int recorder_open(struct recorder *r, const char *record, const char *hexdump, struct err *e);
/* Whether there is anything to hook in. */
bool recorder_wanted(const struct recorder *r);
/* 0, or the negative errno of a file that couldn't be written, with *e filled. */
int recorder_close(struct recorder *r, struct err *e);

/* --replay: says again what was sent in a recording, into a pipe that the conversation reads. */
struct replay {
    struct buf file;
    size_t at;
    int pipe;          /* to write to; -1 over */
    struct loop *loop; /* NULL: not started */
    struct loop_timer due;
    struct loop_watch room;
    struct pump_hook heard;         /* of what is received: counts */
    uint64_t received;              /* so far */
    uint64_t expected;              /* had been received in the recording by now */
    uint64_t began_ns, patience_ns; /* until when what is missing is waited for; 0 not yet */
    const char *pending;            /* of an event, still to be written */
    size_t pending_n;
    uint64_t pending_at_ns;
};

/* Reads the file, which must be a recording from its beginning to its end. *ret_input: the
 * conversation's end of the pipe. Always to be cleared. */
int replay_open(struct replay *r, const char *path, int *ret_input, struct err *e);
void replay_start(struct loop *l, struct replay *r);
void replay_clear(struct loop *l, struct replay *r);
