/* Asks a proxy to connect to somewhere: SOCKS 4, 4a and 5 (RFC 1928, 1929), and HTTP's CONNECT
 * (RFC 9110, 9.3.6) with Basic and Digest (RFC 7617, 7616).
 *
 * The talk is pure: it says what to send, and takes what came; nothing is taken that lies behind
 * the proxy's answer, since that is the peer's already. The exchange carries it over a socket.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "flow/loop.h"
#include "net/addr.h"

enum proxy_kind { PROXY_SOCKS4, PROXY_SOCKS4A, PROXY_SOCKS5, PROXY_HTTP, PROXY_KINDS };

enum { PROXY_ANSWER_MAX = 1 << 14, PROXY_TEXT_MAX = 255 };

struct proxy_request {
    enum proxy_kind kind;
    const char *host; /* a name that the proxy looks up; NULL: addr. Not for SOCKS 4 */
    struct net_addr addr;
    uint16_t port;
    const char *user, *password; /* NULL: none */
};

/* What an HTTP proxy asked for with its 407. */
struct proxy_challenge {
    enum proxy_auth { PROXY_AUTH_NONE, PROXY_AUTH_BASIC, PROXY_AUTH_MD5, PROXY_AUTH_SHA256 } auth;
    bool session; /* -sess */
    bool qop;     /* qop=auth is offered */
    char realm[256], nonce[512], opaque[512];
    char algorithm[16]; /* as it was written; "" none */
};

enum proxy_step { PROXY_BEGUN, PROXY_METHOD, PROXY_LOGIN, PROXY_ANSWER };

struct proxy_talk {
    const struct proxy_request *request;
    struct buf out; /* to be sent now; whoever has sent it clears it */
    enum proxy_step step;
    bool done;
    bool again; /* ask once more over a new connection, with the challenge that was kept */
    struct proxy_challenge challenge;
};

/* *request outlives the talk. */
void proxy_talk_init(struct proxy_talk *t, const struct proxy_request *request);
void proxy_talk_clear(struct proxy_talk *t);
/* The first words, into t->out; after `again` as well. 0 or a negative errno with *e filled. */
int proxy_talk_begin(struct proxy_talk *t, struct err *e);
/* Bytes that came: how many of them belong to the proxy's answer, 0: it is not whole yet; or a
 * negative errno with *e filled, whose hint has words for what the proxy said. */
ssize_t proxy_talk_take(struct proxy_talk *t, const char *bytes, size_t n, struct err *e);

/* A talk over a connected socket. */
struct proxy {
    struct proxy_talk talk;
    int fd;     /* the caller's */
    bool ended; /* nothing more will come from the proxy */
    struct loop_watch watch;
    int result; /* 0, or a negative errno with `error` filled */
    struct err error;
    /* Called once; talk.again tells whether to connect anew and start again. */
    void (*done)(struct loop *l, struct proxy *p);
};

/* p->talk is begun, and p->done set. 0, or a negative errno: then `done` isn't called. */
int proxy_start(struct loop *l, struct proxy *p, int fd);
void proxy_stop(struct loop *l, struct proxy *p);
