/* What a connection sends, and how long it may take; for http_connection.c alone. */
#pragma once
#include <stdint.h>

struct http_connection;

enum { HTTP_HELD_MAX = 64 << 20 };

/* The connection has that long, from now on, to get on. */
void http_connection_arm(struct http_connection *c, uint64_t delay_ns);
/* Sends what the worker's buffer holds; what the client doesn't take now is kept, and the phase is
 * HTTP_PHASE_ANSWER then. The buffer is empty afterwards, whatever happens: the next that uses it
 * is another client. 0 or a negative errno. */
int http_connection_flush(struct http_connection *c);
/* Goes on with the answer under way. 1: it is sent; 0: its turn is over; a negative errno, -EAGAIN
 * where the client has to read first. */
int http_connection_push(struct http_connection *c);
