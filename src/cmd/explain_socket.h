/* The parts of `berth explain socket`: the sockets that are meant, their other ends, and what their
 * states mean. */
#pragma once
#include "cmd/output.h"
#include "cmd/sockets.h"
#include "predict/socket_state.h"

/* What was asked about: a descriptor, or ends. */
struct socket_target {
    int32_t pid, fd;                /* pid 0: not by its descriptor */
    uint64_t inode;                 /* 0: any */
    uint32_t ifindex;               /* the device that it is bound to, where that is known */
    uint32_t kinds;                 /* TCP, UDP or both */
    struct net_addr local, peer;    /* AF_UNSPEC: any */
    uint16_t local_port, peer_port; /* peer_port 0: any peer, or none */
};

/* The sockets that an answer is made from. Only those that are meant and their other ends are read,
 * however many the host has. */
struct socket_found {
    struct sockets sockets;
    struct socket_target target; /* a descriptor's ends in its place, where they could be asked */
    struct vec meant;            /* struct socket_meant */
    struct vec others; /* struct net_socket: the other ends, and listeners of those in a queue */
    struct vec rows;   /* struct socket_row *, owned: the meant ones, then the others, complete */
    size_t n_meant;    /* of rows */
    uint64_t left_out; /* as many more are meant */
};

/* Always to be cleared. 0, or an exit status after a message. */
int socket_find(struct socket_found *f, const struct sockets_arguments *a,
                const struct socket_target *t);
void socket_found_clear(struct socket_found *f);
const struct net_socket *socket_found_at(const struct socket_found *f, size_t i);

/* Those that somebody should look at come first (0), then listeners and what waits, then what runs
 * as it should. */
enum { SOCKET_RANKS = 3 };
int socket_rank(const struct predict_state *s);

struct socket_case {
    const struct net_socket *socket;
    const struct net_socket *far;      /* the other end, if it is on this host; NULL */
    const struct net_socket *listener; /* that it waits at, to be accepted; NULL */
    struct predict_state state, far_state;
};

struct socket_answer {
    struct vec cases; /* struct socket_case, those first that need somebody to move */
    size_t left_out;  /* as many more were found */
    struct buf *none; /* why there is none, in words; empty: it isn't there */
};

void explain_socket_show_words(struct output *o, const struct socket_answer *a);
void explain_socket_show_json(struct output *o, const struct socket_answer *a);
