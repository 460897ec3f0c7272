/* What is served, to whom and how: set up once, then only read, by all threads. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "flow/http_auth.h"
#include "flow/http_types.h"

struct tls_context;

enum { HTTP_SITE_INDEXES = 8 };

struct http_site {
    int root_fd;
    int upload_fd;       /* where PUT writes to; -1: nowhere */
    uint64_t upload_max; /* bytes of one file */
    const char
        *indexes[HTTP_SITE_INDEXES]; /* a folder's own page, the first that is there; NULL ends */
    bool hidden;                     /* names that begin with a dot are served too */
    bool listing;                    /* a folder without a page of its own shows what it holds */
    bool spa;                        /* a page that isn't there is the root's index */
    bool cors;                       /* pages of any origin may read it all */
    struct http_types types;
    struct http_auth auth;
    uint64_t header_timeout_ns; /* for a request's head, from its first byte on */
    uint64_t idle_timeout_ns;   /* without a request, or without progress */
    int log_fd;                 /* -1: no access log */
    struct tls_context *tls;    /* NULL: without */
    uint64_t tls_timeout_ms;
};
