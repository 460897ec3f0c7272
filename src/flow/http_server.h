/* An HTTP server: its listeners and its threads.
 *
 * Each thread has a loop and listeners of its own; where there are several, the listeners of one
 * address share it by SO_REUSEPORT, and the kernel spreads clients over them. Threads share nothing
 * that changes but the number of clients.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "flow/accept.h"
#include "flow/http_worker.h"
#include "flow/signals.h"

struct http_site;

struct http_server {
    const struct http_site *site;
    struct accept_shared accept; /* max, refuse, allow and deny may be set */
    uint64_t grace_ns;
    /* What is worth telling; called from any thread. May be NULL. */
    void (*starved)(int error);            /* no descriptors for new clients */
    void (*unshaken)(const struct err *e); /* a handshake of TLS failed */
    void (*stopping)(const struct http_server *s, unsigned clients); /* by a signal, and waits */

    /* of http_server.c */
    struct http_thread *threads;
    unsigned n_threads;
    struct signals signals;
    bool asked; /* to stop, once */
};

/* site, grace_ns and the callbacks are to be set. 0 or a negative errno. */
int http_server_init(struct http_server *s, unsigned n_threads);
void http_server_clear(struct http_server *s);
/* Takes a listener over, for one of the threads. 0 or a negative errno. */
int http_server_listen(struct http_server *s, unsigned thread, int fd);
/* Serves until a signal comes (flow/signals.h), and then until running requests have ended or
 * grace_ns is over; a second one ends it at once. They stay blocked. 0 or a negative errno. */
int http_server_run(struct http_server *s, struct http_totals *ret);
