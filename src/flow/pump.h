/* Moves bytes one way, from one stream to another, by the best means for the pair.
 *
 * The means are chosen once by what the two ends are (docs/performance.md has the measurements):
 * the kernel moves file to socket (sendfile) and between a pipe and anything (splice); the rest is
 * read and written through one scratch buffer that all pumps of a loop share. What a write left
 * over stays with the pump, and nothing is read until it is gone, so a slow reader holds back its
 * own writer and nobody else, within bounded memory.
 *
 * Bulk that nobody answers (to a file, to nowhere) is gathered: the kernel wakes us for a
 * mebibyte of it, or the owner after a hundredth of a second.
 *
 * SIGPIPE must be ignored in the process: splice(2) and sendfile(2) know no MSG_NOSIGNAL.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/rate.h"
#include "flow/stream.h"

enum { PUMP_SCRATCH = 1 << 20 };

enum pump_means {
    PUMP_COPY,     /* read, write */
    PUMP_SPLICE,   /* one end is a pipe */
    PUMP_SENDFILE, /* file to socket */
    PUMP_DISCARD,  /* TCP to /dev/null: recv with MSG_TRUNC, tcp(7) */
    PUMP_PIPE,     /* TCP to TCP in bulk: splice through a pipe of its own, while it is bulk */
};
/* plain: both ends are; looks: somebody has to see the bytes. */
enum pump_means pump_choose(enum stream_kind from, enum stream_kind to, bool plain, bool looks);

/* Something that sees the bytes go by, and may put others in their place. */
struct pump_hook {
    struct pump_hook *next;
    /* *bytes, *n are what came; the hook may point them elsewhere, to memory of its own that lives
     * until its next call, and may make *n 0 to hold all back: those behind it are not called then.
     * n 0 on entry: the end, once, which may bring out what was held back. 0 or a negative errno,
     * which ends the pump. */
    int (*pass)(struct pump_hook *h, const char **bytes, size_t *n);
};

struct pump {
    struct stream *from, *to;
    struct pump_hook *hooks; /* in the order in which bytes pass; borrowed */
    struct rate *rate;       /* NULL: no limit; borrowed, may be shared */
    uint64_t left;           /* bytes still to move; UINT64_MAX: to the end */
    uint64_t bytes;          /* moved */
    enum pump_means means;
    bool chosen;
    bool copies;  /* set by the owner: read and write only, `chunk` bytes at a time, and
                   * never less (datagrams) */
    bool drained; /* the end came, and the hooks have had it */
    bool piped;   /* PUMP_PIPE has its pipe */
    int pipe[2];
    uint32_t in_pipe;    /* bytes in it */
    bool no_pipe;        /* there can't be one */
    uint32_t trickle;    /* steps in a row that brought little */
    bool stuck;          /* a splice said EAGAIN, with both ends ready */
    bool gathers;        /* from is told to wake us for more than a byte */
    uint64_t gather_ns;  /* but not later than this */
    uint64_t run;        /* bytes moved by the kernel since from was last waited for */
    bool failed_writing; /* the error was to's, not from's */
    uint32_t chunk;      /* how much is read at once: follows what the writer takes */
    char *held;          /* what a write left over; NULL none */
    uint32_t held_at, held_n;
};

/* What a turn ended with; else a negative errno (-ETIME never, -EAGAIN never). */
enum pump_turn {
    PUMP_WAITS,   /* until from can be read, or to be written */
    PUMP_RATED,   /* until rate_when */
    PUMP_GATHERS, /* as PUMP_WAITS, but not after gather_ns: what has come by then is little */
    PUMP_MORE,    /* its turn is over, there is more */
    PUMP_ENDED,   /* all is written; to isn't finished: whether it shall be, the owner knows */
};

/* When a turn comes that no event brings, after one that ended so; UINT64_MAX: never. */
uint64_t pump_when(const struct pump *p, int turn);
/* Zeroed but for its ends; *p stays where it is. */
void pump_init(struct pump *p, struct stream *from, struct stream *to);
void pump_clear(struct pump *p);
/* scratch: PUMP_SCRATCH bytes. budget: the bytes after which others have their turn. */
int pump_run(struct pump *p, char *scratch, size_t budget, uint64_t now_ns);
/* Bytes that are to go before all others (a greeting, what was read ahead). 0 or -ENOMEM. */
int pump_put(struct pump *p, const void *bytes, size_t n);
