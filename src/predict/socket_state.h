/* Says what a socket's state means for it: what it is in, who has to move, for how long that may
 * last, and what comes next. Pure; words for people are cmd's.
 *
 * States are those of RFC 9293, as tcp_rcv_state_process of net/ipv4/tcp_input.c and the timers of
 * net/ipv4/tcp_timer.c go through them. test: tests/cli/test_explain_socket.py, against the
 * kernel's own timers; the sums of whole series: tests/unit/test_socket_state.c
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "net/socket.h"

enum predict_situation {
    SITUATION_UNKNOWN,
    SITUATION_BOUND,        /* has a port, neither listens nor is connected */
    SITUATION_LISTENS,      /* and nobody waits */
    SITUATION_TO_ACCEPT,    /* connections wait to be accepted */
    SITUATION_QUEUE_FULL,   /* so many that new ones are dropped */
    SITUATION_CONNECTING,   /* SYN_SENT: no answer yet */
    SITUATION_HANDSHAKE,    /* a client's SYN was answered, its ACK is missing */
    SITUATION_NOT_ACCEPTED, /* waits in a listener's queue */
    SITUATION_IDLE,         /* established, and all is read and acknowledged */
    SITUATION_UNREAD,       /* the program has bytes to read */
    SITUATION_SENDING,      /* bytes are on their way */
    SITUATION_RETRANSMITS,  /* they aren't acknowledged, and are sent again */
    SITUATION_ZERO_WINDOW,  /* the peer takes no more */
    SITUATION_FIN_SENT,     /* FIN_WAIT1: closed here, and the peer hasn't acknowledged */
    SITUATION_HALF_CLOSED,  /* FIN_WAIT2, and the program may still read */
    SITUATION_FIN_AWAITED,  /* FIN_WAIT2 of no program: the kernel waits for a while */
    SITUATION_END_AWAITED,  /* FIN_WAIT2, and the other end, which is seen, has closed too */
    SITUATION_NOT_CLOSED,   /* CLOSE_WAIT: the peer has closed, the program hasn't */
    SITUATION_LAST_ACK,     /* both have closed, the last acknowledgement is missing */
    SITUATION_BOTH_CLOSING, /* CLOSING: both at once */
    SITUATION_TIME_WAIT,    /* over; late packets are waited for */
    SITUATION_RECEIVES,     /* UDP: at an address */
    SITUATION_ASSOCIATED,   /* UDP: with one peer */
    SITUATION_RECEIVE_FULL, /* UDP: datagrams were dropped for want of room */
    SITUATIONS
};

enum predict_mover {
    MOVER_NOBODY,
    MOVER_PROGRAM,  /* that holds it */
    MOVER_LISTENER, /* the program that holds the listener */
    MOVER_PEER,     /* the other end, or the way to it */
    MOVER_CLIENT,   /* whoever connects */
    MOVER_KERNEL,   /* by a timer */
    MOVERS
};

/* Settings of the host that say how long; 0: not known. */
struct predict_patience {
    uint64_t fin_timeout_ms;
    uint32_t syn_retries, syn_linear, synack_retries, retries2, orphan_retries;
    bool knows_linear; /* net.ipv4.tcp_syn_linear_timeouts, since Linux 6.5 */
};
/* The kernel's defaults. */
void predict_patience_init(struct predict_patience *p);
/* By the settings' names as sysctl(8) has them; others are passed over. */
extern const char *const predict_patience_names[];
void predict_patience_read(struct predict_patience *p, const char *name, const char *value);

struct predict_state {
    enum predict_situation situation;
    enum predict_mover mover;
    bool for_ever;     /* the kernel sets no limit */
    uint64_t limit_ms; /* it ends by itself after that long at most; 0: not known, or for ever */
    bool counts_from_loss; /* the limit counts from when the first packet was lost */
    enum net_state next;   /* NET_STATE_UNKNOWN: it is gone then, or stays */
    bool gone_next;
    bool due;         /* a timer runs … */
    uint64_t due_ms;  /* … which fires then */
    uint64_t retries; /* how often in a row it has */
    /* Bytes in the queues, without the number that a SYN or FIN takes up; 0 where there are none,
     * or they aren't known. */
    uint64_t unread, unacknowledged, unsent; /* of UDP: the buffers that datagrams take */
    bool end_unread;        /* the peer's end has come, and the program hasn't read up to it */
    uint64_t waiting, room; /* of an accept queue */
};

void predict_state(const struct net_socket *s, const struct predict_patience *p,
                   struct predict_state *ret);

/* What the other end tells of it, where that is seen: its state. */
void predict_state_with(struct predict_state *s, enum net_state far);

/* Stable words for JSON: "not-closed", "program" … */
const char *predict_situation_name(enum predict_situation s);
const char *predict_mover_name(enum predict_mover m);
