/* One client: requests in their order, an answer each, until either side ends it.
 *
 * What was received is parsed where it lies in the worker's buffer; only what waits (half a head, a
 * pipelined request behind a large answer, what the client doesn't take) is kept by the connection.
 * While an answer waits for its reader nothing more is read.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "flow/http_answer.h"
#include "flow/http_chunked.h"
#include "flow/http_parse.h"
#include "flow/loop.h"
#include "flow/stream.h"

struct http_worker;
struct sockaddr_storage;

enum http_phase {
    HTTP_PHASE_HANDSHAKE, /* of TLS; there is no stream yet */
    HTTP_PHASE_HEAD,      /* waits for a request, or for the rest of one */
    HTTP_PHASE_BODY,      /* takes an upload */
    HTTP_PHASE_ANSWER,    /* an answer waits for the client to read */
    HTTP_PHASE_PARTING    /* all is said; the client may still be talking */
};

struct http_connection {
    struct stream stream;
    struct http_handshake *handshake; /* of TLS, while it lasts */
    struct http_worker *worker;
    struct http_connection *next, **at; /* of the worker */
    enum http_phase phase;
    struct http_parser parser;
    struct http_answer answer;
    struct http_chunked chunked;
    uint64_t body_left, body_got;
    struct buf in;   /* received, and not dealt with yet; begins with the request under way */
    struct buf held; /* to be sent, from held_at on */
    size_t held_at;
    struct buf line; /* of the log, for an answer under way */
    uint64_t log_bytes;
    bool half;   /* the rest of a head is waited for */
    bool dry;    /* all that had come was received */
    bool waited; /* what comes next to be parsed had begun to come before this round of the loop */
    bool may_talk; /* after an answer that closes: the client may not have said all */
    uint64_t deadline_ns;
    struct loop_timer timer;
    struct loop_turn turn;
    char peer[48];
};

/* Takes fd over. The connection frees itself when it ends, which may be at once, and calls
 * http_worker_gone. */
void http_connection_start(struct http_worker *w, int fd, const struct sockaddr_storage *peer);
/* The worker stops: ends it if it is idle, else after the answer under way. */
void http_connection_wind_down(struct http_connection *c);
/* As it is. */
void http_connection_close(struct http_connection *c);
