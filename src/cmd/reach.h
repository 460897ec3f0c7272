/* A connection made to an endpoint, through whatever lies before it: names are looked up, addresses
 * dialled, a proxy asked, TLS agreed on.
 *
 * What all connections to one endpoint share is the plan; each of them is a struct reach.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"
#include "cmd/lookup.h"
#include "cmd/proxy_choice.h"
#include "flow/dial.h"
#include "flow/tls.h"
#include "net/endpoint.h"

struct reach_plan {
    const struct endpoint *endpoint;
    const char *word;                  /* the endpoint, as the user wrote it */
    int family;                        /* AF_INET, AF_INET6, AF_UNSPEC */
    int protocol;                      /* IPPROTO_MPTCP; 0 */
    const struct sockopt_set *options; /* NULL: none */
    const struct target *sources;
    size_t n_sources;
    bool all;                         /* every address is tried to its end */
    const struct proxy_choice *proxy; /* NULL: directly */
    struct tls_context *tls;          /* NULL: none */
    const char *tls_name;             /* what the server's certificate has to bear; NULL: nothing */
};

enum reach_stage { REACH_RESOLVE, REACH_CONNECT, REACH_PROXY, REACH_TLS, REACH_STAGES };

struct reach {
    const struct reach_plan *plan;
    struct lookup lookup;
    struct vec targets; /* struct target: what the endpoint's name stands for, or the proxy's */
    struct dial dial;
    struct proxy_request request;
    struct proxy proxy;
    struct loop_timer deadline; /* of the proxy's answer */
    int fd;                     /* the connection; -1 none, or in the handshake of TLS */
    struct tls_handshake handshake;
    struct err error; /* where there is none */
    enum reach_stage stage;
    uint64_t began_ns[REACH_STAGES], ended_ns[REACH_STAGES];
    uint64_t deadline_ns; /* 0: none */
    /* Called once for reach_resolve and for reach_start, from the loop; error.code and reach_fd
     * tell. The owner may clear it there. */
    void (*done)(struct loop *l, struct reach *r);
    /* What is to be said first over the connection, before TLS too: 0 or a negative errno. May be
     * NULL. */
    int (*greet)(struct reach *r, int fd);
    void *owner; /* the owner's own; unused here */
};

void reach_init(struct reach *r, const struct reach_plan *plan);
/* Looks the name up, until r->deadline_ns; `done` is to be set. 0, or a negative errno with
 * r->error filled: then it isn't called. */
int reach_resolve(struct loop *l, struct reach *r);
/* Takes what was found elsewhere: struct target. 0 or -ENOMEM. */
int reach_set_targets(struct reach *r, const struct vec *targets);
/* Takes what another of the same plan has looked up. 0 or -ENOMEM. */
int reach_share(struct reach *r, const struct reach *resolved);
/* Dials what was found; `done` is to be set. 0 or -ENOMEM. */
int reach_start(struct loop *l, struct reach *r);
/* The connection's descriptor, which stays where it is; -1: there is no connection. */
int reach_fd(const struct reach *r);
/* The connection as a stream, which is the caller's then; fault tells what was wrong with it, or
 * with its end, and outlives it. */
void reach_take(struct loop *l, struct reach *r, struct stream *ret, struct tls_fault *fault);
void reach_clear(struct loop *l, struct reach *r);
