/* One thread's HTTP server: its loop's connections, and what they share.
 *
 * Connections of a worker share buffers for reading and writing, so that an idle one keeps nothing
 * but its own small state; the files that were opened; and the access log.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "flow/http_date.h"
#include "flow/http_files.h"
#include "flow/http_log.h"
#include "flow/loop.h"

struct accept_shared;
struct err;
struct http_connection;
struct http_site;

enum { HTTP_SCRATCH = 1 << 16 };

struct http_totals {
    uint64_t connections, requests, bytes; /* bytes: of bodies, sent and received */
};

struct http_worker {
    struct loop *loop;
    const struct http_site *site;
    struct accept_shared *accept;
    struct http_files files;
    struct http_log log;
    struct http_totals totals;
    bool stopping;
    /* Called once when it was stopped and its last connection has ended. */
    void (*stopped)(struct http_worker *w);
    void (*unshaken)(const struct err *e); /* a handshake of TLS failed; NULL: nobody is told */

    /* of the connections */
    char *scratch;  /* HTTP_SCRATCH bytes to read into */
    struct buf out; /* what is about to be sent; empty between events */
    int64_t clock_s;
    char date[HTTP_DATE_LENGTH]; /* of clock_s */
    struct http_connection *connections;
    struct loop_turn flush_turn;
    struct loop_timer grace;
    bool waits; /* stopping, for connections to end */
};

/* loop, site, accept and stopped are to be set before. 0 or a negative errno. */
int http_worker_init(struct http_worker *w);
/* All of its connections must have ended, or are closed as they are. */
void http_worker_clear(struct http_worker *w);
/* A client came. Takes the descriptor over; accept_gone is called when it has ended. */
void http_worker_take(struct http_worker *w, int fd, const struct sockaddr_storage *peer);
/* Lets requests that have begun end within that time, and idle connections at once; may be called
 * again, with less time. */
void http_worker_stop(struct http_worker *w, uint64_t grace_ns);

/* -- for http_connection.c -- */
void http_worker_gone(struct http_worker *w); /* a connection was freed */
void http_worker_set_clock(struct http_worker *w);
void http_worker_log_later(struct http_worker *w);
