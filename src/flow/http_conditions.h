/* Conditional requests (RFC 9110 13): what a client has already against what there is. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_request;

enum { HTTP_ETAG_MAX = 56 };

/* What is there. */
struct http_validators {
    bool exists;      /* false: only If-Match and If-None-Match have a meaning */
    const char *etag; /* with its quotes; strong */
    size_t n_etag;
    int64_t modified_s;
};

/* `"MTIME-SIZE-INODE"` in hexadecimal; its length. A file that was changed has another. */
size_t http_etag_format(char ret[HTTP_ETAG_MAX], int64_t mtime_s, uint32_t mtime_ns, uint64_t size,
                        uint64_t inode);

/* base is where the request's slices lie. The status: 200 go on, 304 or 412. */
int http_conditions_judge(const struct http_request *r, const char *base,
                          const struct http_validators *v, int64_t now_s);
/* Whether a Range field counts: If-Range isn't there, or names what there is. */
bool http_conditions_allow_range(const struct http_request *r, const char *base,
                                 const struct http_validators *v, int64_t now_s);
