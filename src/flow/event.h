/* What happens to conversations, as values: who came, who went and why. Whoever runs them makes
 * these; whoever shows them (cmd/flow_events) knows nothing of how they came about.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "flow/pair.h"

enum event_kind {
    EVENT_LISTENING, /* local is where */
    EVENT_OPENED,    /* a client came, or a connection was made */
    EVENT_JOINED,    /* it has its far end, a connection to far */
    EVENT_CLOSED,
    EVENT_REFUSED,  /* a client was turned away; words say why */
    EVENT_TROUBLE,  /* error, words: it goes on */
    EVENT_NOTE,     /* words: worth knowing */
    EVENT_FAILED,   /* error, words: it can't begin, or not go on */
    EVENT_STOPPING, /* no new ones; words say for whom it waits */
    EVENT_TOTALS,
    EVENT_KINDS
};

/* Why a conversation is over. */
enum event_why {
    WHY_NONE,
    WHY_ENDED,       /* each side has said all it had, or the one that decides has */
    WHY_PEER_FAILED, /* error says how: ECONNRESET … */
    WHY_FAR_FAILED,  /* the other side: the file, the process, the server behind */
    WHY_IDLE,
    WHY_LIFETIME,
    WHY_STOPPED, /* by whoever runs it */
    WHY_SLOW,    /* it didn't read what was sent to it */
    WHY_HEADER,  /* what it said first wasn't what it had to be */
    WHY_EXITED,  /* its process; status is that of wait(2) */
    WHY_PASSED,  /* handed to another process */
    WHYS
};

enum { EVENT_UNKNOWN_BYTES = -1 };

struct event {
    enum event_kind kind;
    uint64_t id;                                 /* of the conversation; 0 none */
    const char *proto;                           /* "tcp", "unix-stream" … */
    const struct sockaddr_storage *local, *peer; /* NULL none */
    socklen_t local_n, peer_n;
    const struct sockaddr_storage *far; /* EVENT_JOINED */
    socklen_t far_n;
    const char *device; /* the listener's; NULL none */
    int64_t bytes_in;   /* from the peer; EVENT_UNKNOWN_BYTES */
    int64_t bytes_out;  /* to it */
    uint64_t duration_ns;
    enum event_why why;
    int error;                 /* positive errno; 0 none */
    int status;                /* WHY_EXITED */
    const char *words;         /* more about it; NULL none */
    const char *fingerprint;   /* EVENT_NOTE: of the certificate that it is about; NULL none */
    uint64_t clients, refused; /* EVENT_TOTALS */
};

/* The pair's side A being the peer. */
enum event_why event_why_of(enum pair_why why);
/* "ended", "idle" …: for programs. */
const char *event_why_name(enum event_why why);
/* "opened", "closed" … */
const char *event_kind_name(enum event_kind kind);
