/* Who holds a port: sockets that match a question, put together by the process that holds them.
 *
 * Pure. A port may be taken without anybody listening at it: by a connection that goes out from it,
 * by a socket that was bound and no more, by the remains of a closed connection. Each is told apart
 * here, so that `who` can say it and `free` knows what it may end.
 */
#pragma once
#include <stdint.h>

#include "base/vec.h"
#include "net/socket.h"

/* What a socket does with its port. */
enum predict_hold {
    PREDICT_HOLD_LISTENS,   /* new clients reach it */
    PREDICT_HOLD_SERVES,    /* a connection that a listener on this port accepted */
    PREDICT_HOLD_CONNECTED, /* a connection that goes out from this port, or whose listener is gone
                             */
    PREDICT_HOLD_BOUND,     /* bound, and neither listening nor connected */
    PREDICT_HOLD_REMAINS,   /* TIME_WAIT, or closed by its program and not yet over */
    PREDICT_HOLDS
};

struct predict_held {
    const struct net_socket *socket; /* borrowed */
    enum predict_hold hold;
};

struct predict_holder {
    int32_t pid;                       /* 0: no process holds these, or it may not be seen */
    const struct net_process *process; /* borrowed; NULL unknown */
    bool hidden;                       /* pid 0 because the owner may not be seen */
    struct vec sockets;                /* struct predict_held; listeners first */
    uint32_t counts[PREDICT_HOLDS];
};

struct predict_holders {
    struct vec all; /* struct predict_holder, those who listen first, the nameless last */
};

/* A connection that nobody has accepted yet is counted at its listener (struct predict_clients),
 * and is in no group. n sockets that must outlive the result. 0 or -ENOMEM (the result is then to
 * be cleared too). */
int predict_holders_group(struct predict_holders *ret, const struct net_socket *const *sockets,
                          size_t n);
void predict_holders_clear(struct predict_holders *h);

enum predict_hold predict_hold_of(const struct net_socket *s,
                                  const struct net_socket *const *listeners, size_t n);

/* The clients of listeners, waiting or accepted, by whomever they are held: counted one socket at a
 * time, so that none has to be kept. UNIX clients bear their listener's name. */
struct predict_clients {
    struct vec counts; /* struct predict_client_count, by port */
};

#define _cleanup_clients_ __attribute__((cleanup(predict_clients_clear)))

/* Of those that listen among n sockets, which are borrowed. 0 or -ENOMEM; always to be cleared. */
int predict_clients_init(struct predict_clients *ret, const struct net_socket *const *sockets,
                         size_t n);
void predict_clients_clear(struct predict_clients *c);
void predict_clients_see(struct predict_clients *c, const struct net_socket *s);
uint32_t predict_clients_of(const struct predict_clients *c, const struct net_socket *listener);
