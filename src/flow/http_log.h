/* The access log, a line a request, in the common format:
 *     127.0.0.1 - user [21/Nov/2026:07:07:31 +0000] "GET / HTTP/1.1" 200 1024
 *
 * Lines are collected and written together, whole lines at a time, so that several writers of one
 * file don't cut each other's. A log that can't be written to any more is given up, once told.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct http_log {
    int fd; /* borrowed; -1: no log */
    int error;
    struct buf lines;
    int64_t clock_s; /* the second that `clock` is of */
    char clock[32];
};

void http_log_init(struct http_log *l, int fd);
void http_log_clear(struct http_log *l);
/* Everything up to the status; the request line is made safe. user: NULL none. */
void http_log_begin(struct http_log *l, struct buf *line, const char *peer, const char *user,
                    int64_t now_s, const char *request, size_t n_request);
void http_log_end(struct buf *line, int status, uint64_t bytes);
/* Writes what was collected. */
void http_log_flush(struct http_log *l);
