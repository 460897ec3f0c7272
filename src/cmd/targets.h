/* Endpoints as targets: names, services and devices looked up, so that src/flow can open them.
 */
#pragma once
#include "base/vec.h"
#include "flow/target.h"
#include "net/endpoint.h"

struct err;

struct targets_question {
    const struct endpoint *endpoint;
    int family;   /* AF_INET, AF_INET6: only these; AF_UNSPEC */
    int protocol; /* of stream sockets over IP: IPPROTO_MPTCP; 0 the usual one */
    bool listens; /* `*` and a bare port mean what they mean to listen */
};

/* The targets of an endpoint whose scheme is a socket's, in getaddrinfo's order, each address once:
 * what to listen on, or what to try one after the other. *ret: struct target, to be freed. `*` is
 * 0.0.0.0 and [::] with v6only; to connect, it is this machine. A range of ports gives every
 * address with each port. 0, or a negative errno with *e filled: -ENXIO for a name that has no
 * address, -EAGAIN where the name server doesn't answer, -EINVAL for a scheme without sockets. */
int targets_find(const struct targets_question *q, struct vec *ret, struct err *e);

/* Datagrams to a bare port: the loopback that somebody is bound to comes first, since nothing else
 * tells the two apart before it is too late. Nothing for other targets. */
void targets_prefer_heard(const struct endpoint *ep, struct vec *targets);
